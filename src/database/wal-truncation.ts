import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import Database from 'better-sqlite3';
import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeError } from '../common/words/describe-error.js';
import { AppConfig } from '../config/app-config.js';
import { Duties } from '../config/duties.js';

const EVERY_MS = 60_000;
/** A writer or a backup holds the log; between two transactions neither does. */
const ATTEMPTS = 20;
const PAUSE_MS = 10;

/**
 * Empties SQLite's write-ahead log once a minute. What was deleted is overwritten in the database, but the log keeps
 * pages as they were until their places in it are used again, which on a quiet server is never.
 */
@Injectable()
export class WalTruncation {
  private readonly logger = new Logger(WalTruncation.name);

  private readonly path: string | null;

  constructor({ database }: AppConfig, { leads }: Duties) {
    this.path = leads && database.kind === 'sqlite' ? database.path : null;
  }

  /** False = others were in the way all the time; the next minute comes. */
  @Interval(EVERY_MS)
  async truncate(): Promise<boolean> {
    const { path } = this;
    if (path === null) return true;
    try {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (isEmpty(path) || truncateNow(path)) return true;
        await sleep(PAUSE_MS * (1 + Math.random()));
      }
    } catch (error) {
      this.logger.warn({ msg: 'the write-ahead log could not be emptied', error: describeError(error) });
    }
    return false;
  }
}

const isEmpty = (path: string): boolean => (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) === 0;

/** Uses a connection of its own, because the shared one may be within a transaction. Does not wait for a lock. */
function truncateNow(path: string): boolean {
  const database = new Database(path, { fileMustExist: true, timeout: 0 });
  try {
    const [result] = database.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
    return result?.busy === 0;
  } finally {
    database.close();
  }
}
