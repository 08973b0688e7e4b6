import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import Database from 'better-sqlite3';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource, type QueryRunner } from 'typeorm';

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

const RENEW_MS = 30_000;

/** The processes of a server that was killed may take a moment to be gone. */
const GRACE_MS = 1500;
const TRY_AGAIN_MS = 100;

/**
 * Lets one server at a time use a database. The lock dies with the process that holds it: on SQLite it is the
 * operating system's lock on a file beside the database, on MariaDB and MySQL a named lock of a connection.
 */
@Injectable()
export class InstanceLock implements OnApplicationShutdown {
  private file: Database.Database | null = null;
  private connection: QueryRunner | null = null;

  constructor(private readonly dataSource: DataSource) {}

  /** Rejects with a {@link DatabaseInUseError} when another server keeps the lock. */
  async acquire(): Promise<void> {
    const { options } = this.dataSource;
    const tryOnce =
      options.type === 'better-sqlite3' ? () => this.lockFile(`${options.database}.lock`) : () => this.lockByName();
    for (const end = Date.now() + GRACE_MS; !(await tryOnce()); await sleep(TRY_AGAIN_MS)) {
      if (Date.now() > end) throw new DatabaseInUseError();
    }
  }

  /** The database server forgets the lock when it restarts. */
  @Interval(RENEW_MS)
  async renew(): Promise<void> {
    if (this.connection) await this.lockByName().catch(() => false);
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
    const ask = async (connection: QueryRunner): Promise<boolean> => {
      const rows: unknown = await connection.query(`SELECT GET_LOCK(CONCAT('session-push:', DATABASE()), 0) AS locked`);
      return Array.isArray(rows) && Number((rows[0] as { locked: unknown }).locked) === 1;
    };
    if (this.connection) {
      try {
        return await ask(this.connection);
      } catch {
        await this.connection.release().catch(() => undefined);
      }
    }
    this.connection = this.dataSource.createQueryRunner();
    return ask(this.connection);
  }
}

const isBusy = (error: unknown): boolean => error instanceof Database.SqliteError && error.code === 'SQLITE_BUSY';
