import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { DataSource } from 'typeorm';
import { readSealingState } from './sealing-state.js';

const LOOK_INTERVAL_MS = 5000;

/**
 * Ends a server without a data key when another instance begins to seal the database that they share: this one could not
 * find sealed devices, and would store plain ones that the others do not find.
 */
@Injectable()
export class SealingWatch {
  private readonly logger = new Logger(SealingWatch.name);

  /** @param stop called when the database is not ours to use any more */
  constructor(
    private readonly dataSource: DataSource,
    private readonly stop: () => void = () => process.kill(process.pid, 'SIGTERM'),
  ) {}

  @Interval(LOOK_INTERVAL_MS)
  async look(): Promise<void> {
    // A database that does not answer is reported by the health check.
    const state = await readSealingState(this.dataSource).catch(() => null);
    if (!state) return;
    this.logger.fatal(
      'the database is sealed now: this server stops, set DATA_KEY_FILE to the file that holds its key',
    );
    this.stop();
  }
}
