import { type LoggerService } from '@nestjs/common';
import { type SealingProgress } from './seal-database.js';

const EVERY_MS = 5000;

/** Tells the log how far a conversion is, every few seconds. */
export class LoggedProgress implements SealingProgress {
  private done = 0;
  private toldAt = performance.now();

  constructor(
    private readonly rows: number,
    private readonly logger: Pick<LoggerService, 'log' | 'warn'>,
  ) {
    logger.log({ msg: 'sealing the ids and tokens in the database', rows });
  }

  advance(rows: number): void {
    this.done += rows;
    if (performance.now() - this.toldAt < EVERY_MS) return;
    this.toldAt = performance.now();
    this.logger.log({ msg: 'sealing goes on', done: this.done, rows: this.rows });
  }

  finish(): void {
    this.logger.log({ msg: 'the ids and tokens in the database are sealed', done: this.done });
    if (this.done === 0) return;
    this.logger.warn(
      'backups and other copies from before are not sealed, or with an earlier key: remove them once a copy of the data key is safe',
    );
  }
}
