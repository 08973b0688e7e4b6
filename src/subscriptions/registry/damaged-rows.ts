import { type LoggerService } from '@nestjs/common';

const EVERY_MS = 60_000;

/** Tells the operator of rows that cannot be opened, once a minute and by their number: they are left out meanwhile. */
export class DamagedRows {
  private count = 0;
  private toldAt = -Infinity;

  constructor(private readonly logger: Pick<LoggerService, 'error'>) {}

  /** @returns null, for callers that leave a row out */
  note(): null {
    this.count++;
    if (performance.now() - this.toldAt < EVERY_MS) return null;
    this.toldAt = performance.now();
    this.logger.error({ msg: 'stored subscriptions cannot be opened and are left out', count: this.count });
    this.count = 0;
    return null;
  }
}
