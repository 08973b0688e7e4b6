import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { DAY_MS } from '../common/durations.js';
import { describeError } from '../common/describe-error.js';
import { AppConfig } from '../config/app-config.js';
import { StatisticsService } from './statistics.service.js';

const WRITE_INTERVAL_MS = 3 * 60_000;
/** A database that is away at the end of a period is asked again after this. */
const SHORTEST_TIMER_MS = 1000;
/** A timer cannot run for longer than 24 days; a period can. */
const LONGEST_TIMER_MS = DAY_MS;

/**
 * Writes the running period every few minutes, at its end and at shutdown.
 *
 * Periods are aligned to multiples of their length since the epoch, so that a restart goes on with the same row and
 * several processes agree on it.
 */
@Injectable()
export class StatisticsScheduler implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(StatisticsScheduler.name);
  private readonly periodMs: number;
  private startDate: number;
  private endTimer: NodeJS.Timeout | undefined;

  constructor(
    config: AppConfig,
    private readonly statistics: StatisticsService,
  ) {
    this.periodMs = config.statistics.periodMs;
    this.startDate = this.periodOf(Date.now());
  }

  onApplicationBootstrap(): void {
    this.waitForEnd();
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
    clearTimeout(this.endTimer);
    await this.write();
  }

  private waitForEnd(): void {
    const left = this.startDate + this.periodMs - Date.now();
    const wait = Math.min(Math.max(left, SHORTEST_TIMER_MS), LONGEST_TIMER_MS);
    this.endTimer = setTimeout(() => void this.write().finally(() => this.waitForEnd()), wait);
    this.endTimer.unref();
  }

  private periodOf(time: number): number {
    return Math.floor(time / this.periodMs) * this.periodMs;
  }
}
