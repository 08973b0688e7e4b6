import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeError } from '../../common/words/describe-error.js';
import { AppConfig, type BackupConfig } from '../../config/app-config.js';
import { Duties } from '../../config/duties.js';
import { OperatorEvents } from '../../operator/operator-events.js';
import { listBackups, pruneBackups } from './backup-files.js';
import { takeBackup } from './take-backup.js';

/** A start has other things to do, and one that fails at once must not leave a copy each time. */
const FIRST_AFTER_MS = 60_000;
const LOOK_MS = 10 * 60_000;
const FINISH_MS = 1000;

/** Takes a copy of the SQLite database whenever the newest one is older than the interval, over restarts too. */
@Injectable()
export class BackupScheduler implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(BackupScheduler.name);
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly config: AppConfig,
    private readonly duties: Duties,
    private readonly events: OperatorEvents,
  ) {}

  onApplicationBootstrap(): void {
    const { database, backup } = this.config;
    if (!this.duties.leads || database.kind !== 'sqlite' || !backup) return;
    this.running = this.run(database.path, backup);
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    // A copy that is broken off removes its file.
    await Promise.race([this.running, sleep(FINISH_MS, undefined, { ref: false })]);
  }

  private async run(database: string, backup: BackupConfig): Promise<void> {
    await this.wait(Math.min(FIRST_AFTER_MS, backup.intervalMs));
    while (!this.stopping.signal.aborted) {
      const dueInMs = await this.backUpWhenDue(database, backup);
      await this.wait(Math.min(LOOK_MS, dueInMs));
    }
  }

  /** Returns the milliseconds until the next one is due. */
  private async backUpWhenDue(database: string, { intervalMs, keep, directory }: BackupConfig): Promise<number> {
    try {
      const newest = listBackups(database, directory)[0]?.takenAt ?? -Infinity;
      const dueInMs = newest + intervalMs - Date.now();
      // A clock that was set back must not stop them.
      if (dueInMs > 0 && dueInMs <= intervalMs) return dueInMs;
      const began = performance.now();
      const file = await takeBackup(database, directory, { signal: this.stopping.signal });
      pruneBackups(database, directory, keep);
      this.logger.log({ msg: 'the database is backed up', file, ms: Math.round(performance.now() - began) });
      return intervalMs;
    } catch (error) {
      if (this.stopping.signal.aborted) return intervalMs;
      const description = describeError(error);
      this.logger.error({ msg: 'the database could not be backed up', directory, error: description });
      this.events.emit({ kind: 'backup-failed', reason: description.code ?? description.type });
      return intervalMs;
    }
  }

  private async wait(ms: number): Promise<void> {
    await sleep(ms, undefined, { ref: false, signal: this.stopping.signal }).catch(() => undefined);
  }
}
