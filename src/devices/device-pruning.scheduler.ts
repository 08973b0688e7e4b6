import { Inject, Injectable, Logger } from '@nestjs/common';
import { Cron, CronExpression } from '@nestjs/schedule';
import { describeError } from '../common/describe-error.js';
import { type AppConfig } from '../config/app-config.js';
import { APP_CONFIG } from '../config/config.module.js';
import { type Duties, DUTIES } from '../config/duties.js';
import { DevicePruningService } from './device-pruning.service.js';

const DAY_MS = 86_400_000;

/** More than this share of all devices does not stop registering by itself: a clock is wrong, or the setting. */
const LARGEST_SHARE = 0.5;

/** What goes is what was told, and a day of others: not many times as much, and not weeks of it. */
const LARGEST_GROWTH = 2;
const SMALL_COUNT = 10;
const LARGEST_STEP_MS = 3 * DAY_MS;

/** What a daily run counted: so many devices without a registration since `time` (UTC epoch milliseconds). */
interface Count {
  readonly time: number;
  readonly unseen: number;
}

/**
 * With `DEVICE_UNSEEN_DAYS`: tells after a start how many devices would go, and lets them go a day later. When it would be
 * clearly more by then, because the clock has jumped for example, it tells again first.
 */
@Injectable()
export class DevicePruningScheduler {
  private readonly logger = new Logger(DevicePruningScheduler.name);
  /** Of the run before: what it told, or removed. Null = nothing was told yet. */
  private latest: Count | null = null;

  constructor(
    @Inject(APP_CONFIG) private readonly config: AppConfig,
    @Inject(DUTIES) private readonly duties: Duties,
    private readonly pruning: DevicePruningService,
  ) {}

  @Cron(CronExpression.EVERY_DAY_AT_4AM)
  async run(): Promise<void> {
    const { deviceUnseenDays } = this.config;
    if (deviceUnseenDays === null || !this.duties.leads) return;
    try {
      await this.prune(deviceUnseenDays);
    } catch (error) {
      this.logger.error({ msg: 'devices could not be looked through', error: describeError(error) });
    }
  }

  private async prune(unseenDays: number): Promise<void> {
    const time = Date.now() - unseenDays * DAY_MS;
    const { unseen, all } = await this.pruning.countUnseenSince(time);
    if (unseen > all * LARGEST_SHARE) {
      const msg = 'too many devices were not seen for long: none is removed, look at the clock and the setting';
      this.logger.warn({ msg, unseenDays, count: unseen, of: all });
    } else if (this.isExpected({ time, unseen })) {
      this.latest = { time, unseen };
      const count = await this.pruning.removeUnseenSince(time);
      this.logger.log({ msg: 'removed devices that were not seen for long', unseenDays, count });
    } else {
      this.latest = { time, unseen };
      const msg = 'devices were not seen for long, the next daily run removes them';
      this.logger.log({ msg, unseenDays, count: unseen, of: all });
    }
  }

  private isExpected({ time, unseen }: Count): boolean {
    if (!this.latest) return false;
    const isSoon = time - this.latest.time <= LARGEST_STEP_MS;
    return isSoon && unseen <= this.latest.unseen * LARGEST_GROWTH + SMALL_COUNT;
  }
}
