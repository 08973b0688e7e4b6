import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { describeError } from '../common/describe-error.js';
import { type AppConfig } from '../config/app-config.js';
import { APP_CONFIG } from '../config/config.module.js';
import { StatisticsService } from './statistics.service.js';

const WRITE_INTERVAL_MS = 3 * 60_000;

/**
 * Writes the running period every few minutes and at shutdown.
 *
 * Periods are aligned to multiples of their length since the epoch, so that a restart goes on with the same row and
 * several processes agree on it.
 */
@Injectable()
export class StatisticsScheduler implements OnApplicationShutdown {
  private readonly logger = new Logger(StatisticsScheduler.name);
  private readonly periodMs: number;
  private startDate: number;

  constructor(
    @Inject(APP_CONFIG) config: AppConfig,
    private readonly statistics: StatisticsService,
  ) {
    this.periodMs = config.statistics.periodMs;
    this.startDate = this.periodOf(Date.now());
  }

  @Interval(WRITE_INTERVAL_MS)
  async write(): Promise<void> {
    const now = Date.now();
    const periodEnd = this.startDate + this.periodMs;
    try {
      await this.statistics.flush(this.startDate, Math.min(now, periodEnd));
      this.startDate = this.periodOf(now);
    } catch (error) {
      this.logger.error({
        msg: 'statistics could not be written, they are kept for the next try',
        error: describeError(error),
      });
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.write();
  }

  private periodOf(time: number): number {
    return Math.floor(time / this.periodMs) * this.periodMs;
  }
}
