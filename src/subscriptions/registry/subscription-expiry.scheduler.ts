import { Injectable, Logger } from '@nestjs/common';
import { Cron, CronExpression } from '@nestjs/schedule';
import { describeError } from '../../common/words/describe-error.js';
import { Duties } from '../../config/duties.js';
import { SubscriptionExpiryService } from './subscription-expiry.service.js';

/** The two clocks at one moment, in milliseconds. */
interface Reading {
  /** Since 1970; may be set. */
  readonly wall: number;
  /** Since the start; may not. */
  readonly steady: number;
}

/**
 * Removes expired subscriptions every hour. They are not looked up any more once they expire, so nothing depends on this.
 *
 * It removes what had expired by the clock of an hour before and the time that has passed since: a clock that jumps ahead
 * makes everything expire for as long as it is wrong, but deletes nothing unless it stays so for an hour. That is also why nothing
 * is deleted in the first hour after a start.
 */
@Injectable()
export class SubscriptionExpiryScheduler {
  private readonly logger = new Logger(SubscriptionExpiryScheduler.name);
  private before: Reading | null = null;

  constructor(
    private readonly duties: Duties,
    private readonly expiry: SubscriptionExpiryService,
  ) {}

  @Cron(CronExpression.EVERY_HOUR)
  async run(): Promise<void> {
    if (!this.duties.leads) return;
    const now = { wall: Date.now(), steady: performance.now() };
    const { before } = this;
    this.before = now;
    if (!before) return;
    try {
      const count = await this.expiry.removeEnded(Math.min(now.wall, before.wall + now.steady - before.steady));
      if (count > 0) this.logger.log({ msg: 'removed expired subscriptions', count });
    } catch (error) {
      this.logger.error({
        msg: 'expired subscriptions could not be removed, they stay for now',
        error: describeError(error),
      });
    }
  }
}
