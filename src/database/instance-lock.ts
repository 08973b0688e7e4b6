import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import Database from 'better-sqlite3';
import { DataSource, type QueryRunner } from 'typeorm';

/** A second server on the same database would deliver everything twice. */
export class DatabaseInUseError extends Error {
  constructor() {
    super(
      'Another server uses this database. Stop it first, or give this one a database of its own with DATABASE_URL.',
    );
    this.name = 'DatabaseInUseError';
  }
}

const RENEW_MS = 30_000;

/**
 * Lets one server at a time use a database. The lock dies with the process that holds it: on SQLite it is the
 * operating system's lock on a file beside the database, on MariaDB and MySQL a named lock of a connection.
 */
@Injectable()
export class InstanceLock implements OnModuleInit, OnApplicationShutdown {
  private file: Database.Database | null = null;
  private connection: QueryRunner | null = null;

  constructor(private readonly dataSource: DataSource) {}

  async onModuleInit(): Promise<void> {
    const { options } = this.dataSource;
    if (options.type === 'better-sqlite3') this.lockFile(`${options.database}.lock`);
    else if (!(await this.lockByName())) throw new DatabaseInUseError();
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

  private lockFile(path: string): void {
    const file = new Database(path, { timeout: 0 });
    try {
      file.exec('BEGIN EXCLUSIVE');
    } catch (error) {
      file.close();
      throw isBusy(error) ? new DatabaseInUseError() : error;
    }
    this.file = file;
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
