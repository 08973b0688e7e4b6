import { type LoggerService } from '@nestjs/common';

const EVERY_MS = 60_000;

/** Tells the operator of rows that are left out, once a minute and by their number. */
export class DamagedRows {
  private count = 0;
  private toldAt = -Infinity;

  /** @param msg what of them is wrong */
  constructor(
    private readonly logger: Pick<LoggerService, 'error'>,
    private readonly msg: string,
  ) {}

  /** @returns null, for callers that leave a row out */
  note(): null {
    this.count++;
    if (performance.now() - this.toldAt < EVERY_MS) return null;
    this.toldAt = performance.now();
    this.logger.error({ msg: this.msg, count: this.count });
    this.count = 0;
    return null;
  }
}
