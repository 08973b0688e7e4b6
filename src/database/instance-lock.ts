import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import Database from 'better-sqlite3';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource, type QueryRunner } from 'typeorm';
import { withDeadline } from '../common/time/with-deadline.js';
import { type AppConfig } from '../config/app-config.js';
import { lockFileOf } from './lock-file.js';

/** A second server on the same database would deliver everything twice. */
export class DatabaseInUseError extends Error {
  constructor() {
    super(
      'Another server uses this database. Stop it first, or give this one a database of its own with DATABASE_URL. ' +
        'Several servers can share a MariaDB or MySQL database when all of them have REDIS_URL set.',
    );
    this.name = 'DatabaseInUseError';
  }
}

/** The database server forgets the lock when it restarts: the shorter, the less time there is for another to take it. */
const RENEW_MS = 5000;
/** The first refusal may come from a lost connection of our own that the database server still takes for open. */
const MAX_REFUSALS = 3;
/** A question that is not answered by then was asked on a connection that is dead. */
const ANSWER_WITHIN_MS = 8000;

/** The processes of a server that was killed may take a moment to be gone. */
const GRACE_MS = 1500;
const TRY_AGAIN_MS = 100;

/** Instances share the database through Redis: none has it to itself. */
export const isSharedDatabase = ({ redisUrl, database }: Pick<AppConfig, 'redisUrl' | 'database'>): boolean =>
  redisUrl !== null && database.kind === 'mysql';

/**
 * Lets one server at a time use a database. The lock dies with the process that holds it: on SQLite it is the
 * operating system's lock on a file beside the database, on MariaDB and MySQL a named lock of a connection.
 */
@Injectable()
export class InstanceLock implements OnApplicationShutdown {
  private file: Database.Database | null = null;
  private connection: QueryRunner | null = null;
  private readonly logger = new Logger(InstanceLock.name);
  private refusals = 0;

  /** @param onLost called when another server has taken the lock: this one must end */
  constructor(
    private readonly dataSource: DataSource,
    private readonly onLost: () => void = () => process.kill(process.pid, 'SIGTERM'),
  ) {}

  /** Rejects with a {@link DatabaseInUseError} when another server keeps the lock. */
  async acquire(): Promise<void> {
    const { options } = this.dataSource;
    const tryOnce =
      options.type === 'better-sqlite3' ? () => this.lockFile(lockFileOf(options.database)) : () => this.lockByName();
    for (const end = performance.now() + GRACE_MS; !(await tryOnce()); await sleep(TRY_AGAIN_MS)) {
      if (performance.now() > end) throw new DatabaseInUseError();
    }
  }

  @Interval(RENEW_MS)
  async renew(): Promise<void> {
    if (!this.connection) return;
    // A database that does not answer is reported by the health check, and gives the lock to no other server either.
    const isOurs = await this.lockByName().catch(() => true);
    this.refusals = isOurs ? 0 : this.refusals + 1;
    if (this.refusals < MAX_REFUSALS) return;
    this.logger.fatal('another server has taken the database while it was out of reach: this one stops');
    this.onLost();
  }

  async onApplicationShutdown(): Promise<void> {
    this.file?.close();
    await this.connection?.release();
  }

  private lockFile(path: string): boolean {
    const file = new Database(path, { timeout: 0 });
    try {
      file.exec('BEGIN EXCLUSIVE');
    } catch (error) {
      file.close();
      if (isBusy(error)) return false;
      throw error;
    }
    this.file = file;
    return true;
  }

  /** Asking again on the connection that holds the lock is fine; a broken connection is replaced. */
  private async lockByName(): Promise<boolean> {
    if (this.connection) {
      const held = this.connection;
      try {
        return await withDeadline(ask(held), ANSWER_WITHIN_MS);
      } catch {
        await close(held).catch(() => undefined);
      }
    }
    this.connection = this.dataSource.createQueryRunner();
    return withDeadline(ask(this.connection), ANSWER_WITHIN_MS);
  }
}

async function ask(connection: QueryRunner): Promise<boolean> {
  const rows: unknown = await connection.query(`SELECT GET_LOCK(CONCAT('session-push:', DATABASE()), 0) AS locked`);
  return Array.isArray(rows) && Number((rows[0] as { locked: unknown }).locked) === 1;
}

/** Not back into the pool: should it be alive after all, it holds the lock. */
async function close(runner: QueryRunner): Promise<void> {
  const connection: { destroy(): void } = await runner.connect();
  connection.destroy();
  await runner.release();
}

const isBusy = (error: unknown): boolean => error instanceof Database.SqliteError && error.code === 'SQLITE_BUSY';
