import { Injectable } from '@nestjs/common';
import { DatabaseWriter } from '../../database/database-writer.js';
import { deleteSome } from '../../database/dialect.js';
import { SUBSCRIPTION_SECONDS } from './item-checks.js';

/** A few milliseconds of deleting. */
const PIECE_ROWS = 500;

/** Removes expired subscriptions. */
@Injectable()
export class SubscriptionExpiryService {
  constructor(private readonly writer: DatabaseWriter) {}

  /**
   * Removes subscriptions of which the signature is 14 days old, and what is remembered of those that phones have ended so
   * long ago, in short transactions between which others have their turn. Returns how many subscriptions went.
   *
   * @param now UTC epoch milliseconds
   */
  async removeEnded(now: number): Promise<number> {
    const oldest = Math.floor(now / 1000) - SUBSCRIPTION_SECONDS;
    await this.removeFrom('ended_subscriptions', oldest);
    return this.removeFrom('subscriptions', oldest);
  }

  private async removeFrom(table: string, oldest: number): Promise<number> {
    for (let removed = 0; ;) {
      const piece = await this.writer.write((manager) =>
        deleteSome(manager, table, 'sig_ts <= ?', [oldest], PIECE_ROWS),
      );
      removed += piece;
      if (piece < PIECE_ROWS) return removed;
    }
  }
}
