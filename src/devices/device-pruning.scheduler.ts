import { DAY_MS } from '../config/durations.js';
import { Injectable, Logger } from '@nestjs/common';
import { Cron, CronExpression } from '@nestjs/schedule';
import { describeError } from '../common/words/describe-error.js';
import { AppConfig } from '../config/app-config.js';
import { Duties } from '../config/duties.js';
import { DevicePruningService } from './device-pruning.service.js';

/** More than this share of all devices does not stop registering by itself: a clock is wrong, or the setting. */
const LARGEST_SHARE = 0.5;

/** What goes is what was told, and a day of others: not many times as much, and not weeks of it. */
const LARGEST_GROWTH = 2;
const SMALL_COUNT = 10;
const LARGEST_STEP_MS = 3 * DAY_MS;

const KEEP_UNREACHABLE_MS = DAY_MS;

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
    private readonly config: AppConfig,
    private readonly duties: Duties,
    private readonly pruning: DevicePruningService,
  ) {}

  @Cron(CronExpression.EVERY_DAY_AT_4AM)
  async run(): Promise<void> {
    const { deviceUnseenDays } = this.config;
    if (deviceUnseenDays === null || !this.duties.leads) return;
    try {
      await this.prune(deviceUnseenDays);
    } catch (error) {
      this.logger.error({ msg: 'devices could not be read through', error: describeError(error) });
    }
  }

  /** The original stores them, so a client is told that it is registered; nothing ever comes of it. */
  @Cron(CronExpression.EVERY_DAY_AT_5AM)
  async forgetUnreachable(): Promise<void> {
    if (!this.duties.leads) return;
    try {
      const count = await this.pruning.removeUnreachableSince(Date.now() - KEEP_UNREACHABLE_MS);
      if (count > 0) this.logger.log({ msg: 'removed devices of unknown type, which nobody can reach', count });
    } catch (error) {
      this.logger.error({ msg: 'devices could not be read through', error: describeError(error) });
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
