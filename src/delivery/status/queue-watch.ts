import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { describeError } from '../../common/words/describe-error.js';
import { AppConfig } from '../../config/app-config.js';
import { Duties } from '../../config/duties.js';
import { OperatorEvents } from '../../operator/operator-events.js';
import { DeliveryStatus } from './delivery-status.js';

const LOOK_INTERVAL_MS = 30_000;

/** Notices when notifications wait for too long, and when that is over. */
@Injectable()
export class QueueWatch {
  private readonly logger = new Logger(QueueWatch.name);
  private late = false;

  constructor(
    private readonly config: AppConfig,
    private readonly duties: Duties,
    private readonly status: DeliveryStatus,
    private readonly events: OperatorEvents,
  ) {}

  @Interval(LOOK_INTERVAL_MS)
  async look(): Promise<void> {
    if (!this.duties.leads || !this.duties.delivers) return;
    try {
      const { ageMs, count } = await this.status.lateness();
      this.note(ageMs, count);
    } catch (error) {
      this.logger.warn({ msg: 'the state of the queue could not be read', error: describeError(error) });
    }
  }

  private note(oldestAgeMs: number, count: number): void {
    const late = oldestAgeMs > this.config.alerts.queueAgeMs;
    if (late === this.late) return;
    this.late = late;
    if (late) {
      this.logger.warn({ msg: 'the queue is late', oldestAgeMs, count });
      this.events.emit({ kind: 'queue-late', oldestAgeMs, count });
    } else {
      this.logger.log('the queue has caught up');
      this.events.emit({ kind: 'queue-caught-up' });
    }
  }
}
