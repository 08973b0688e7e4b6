import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { DataSource } from 'typeorm';
import { type Sealing } from '../../sealing/sealing.js';
import { readSealingState } from './sealing-state.js';

const LOOK_INTERVAL_MS = 5000;

/**
 * Ends a server when another instance begins to seal the database that they share with a data key that this one does not
 * use: it could not find those devices, and would store others in a form in which nobody finds them.
 */
@Injectable()
export class SealingWatch {
  private readonly logger = new Logger(SealingWatch.name);

  /** @param stop called when the database is not ours to use any more */
  constructor(
    private readonly dataSource: DataSource,
    private readonly sealing: Sealing,
    private readonly stop: () => void = () => process.kill(process.pid, 'SIGTERM'),
  ) {}

  @Interval(LOOK_INTERVAL_MS)
  async look(): Promise<void> {
    // A database that does not answer is reported by the health check.
    const state = await readSealingState(this.dataSource).catch(() => null);
    if (!state || state.keyCheck === this.sealing.keyCheck) return;
    this.logger.fatal(
      this.sealing.isOn
        ? 'the database is sealed with another data key now: this server stops, start it with the newest copy of DATA_KEY_FILE'
        : 'the database is sealed now: this server stops, set DATA_KEY_FILE to the file that holds its key',
    );
    this.stop();
  }
}
