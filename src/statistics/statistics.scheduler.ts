import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InstanceProcesses } from '../cluster/instance-processes.js';
import { describeError } from '../common/words/describe-error.js';
import { AppConfig } from '../config/app-config.js';
import { type CountingTime, countingTimeAt } from './statistics-clock.js';
import { StatisticsService } from './statistics.service.js';

const TOPIC = 'write-statistics';
const WRITE_INTERVAL_MS = 3 * 60_000;
/** A database that is away at the end of an hour is asked again after this. */
const SHORTEST_TIMER_MS = 1000;

/** Writes the running period every few minutes, at the end of each of its hours, when somebody wants to see it, and at shutdown. */
@Injectable()
export class StatisticsScheduler implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(StatisticsScheduler.name);
  private readonly periodMs: number;
  /** When that was counted which is not written yet. */
  private counting: CountingTime;
  private writing: Promise<void> = Promise.resolve();
  private endTimer: NodeJS.Timeout | undefined;

  constructor(
    config: AppConfig,
    private readonly statistics: StatisticsService,
    private readonly processes: InstanceProcesses,
  ) {
    this.periodMs = config.statistics.periodMs;
    this.counting = countingTimeAt(Date.now(), this.periodMs);
    processes.answer(TOPIC, async () => {
      if (statistics.isPending) await this.write();
      return true;
    });
  }

  onApplicationBootstrap(): void {
    this.waitForEnd();
  }

  /** One after the other: the time that counts belong to is that of the last write. */
  @Interval(WRITE_INTERVAL_MS)
  write(): Promise<void> {
    this.writing = this.writing.then(() => this.writeNow());
    return this.writing;
  }

  /** Lets every process of the instance write what it has counted. */
  async writeEverywhere(): Promise<void> {
    await this.processes.ask(TOPIC);
  }

  async onApplicationShutdown(): Promise<void> {
    clearTimeout(this.endTimer);
    await this.write();
  }

  private async writeNow(): Promise<void> {
    const now = Date.now();
    const { period, hour } = this.counting;
    const running = hour && { startDate: hour.start, endDate: Math.min(now, hour.end) };
    try {
      await this.statistics.flush(period.start, Math.min(now, period.end), running);
      this.counting = countingTimeAt(now, this.periodMs);
    } catch (error) {
      this.logger.error({
        msg: 'statistics could not be written, they are kept for the next try',
        error: describeError(error),
      });
    }
  }

  private waitForEnd(): void {
    const { period, hour } = this.counting;
    const wait = Math.max((hour ?? period).end - Date.now(), SHORTEST_TIMER_MS);
    this.endTimer = setTimeout(() => void this.write().finally(() => this.waitForEnd()), wait);
    this.endTimer.unref();
  }
}
