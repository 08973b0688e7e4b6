import type Database from 'better-sqlite3';
import { type DataSourceOptions } from 'typeorm';
import { type DatabaseConfig } from '../config/app-config.js';
import { Initial1795000000000 } from './migrations/1795000000000-initial.js';
import { Sealing1795100000000 } from './migrations/1795100000000-sealing.js';
import { requireOwnFile } from './own-file.js';

/** Every schema change, oldest first. */
export const MIGRATIONS = [Initial1795000000000, Sealing1795100000000];

/** How long SQLite waits for other processes by itself. */
export const BUSY_TIMEOUT_MS = 5000;

/** Transactions on MariaDB or MySQL at one time. */
export const MAX_WRITERS = 10;

/** For lookups, the instance's lock and the operator's questions. */
const CONNECTIONS_OF_READERS = 6;

/**
 * How TypeORM reaches the database. Both kinds run the same migrations at start and never synchronize.
 *
 * SQLite: WAL with `synchronous=FULL`, so that a commit is on disk when it returns. One connection is shared by
 * everything, therefore all writes go through the `DatabaseWriter`. A file of something else is refused and left as it is.
 *
 * @param forLooking leave the journal mode as it is, too
 */
export function databaseOptions(config: DatabaseConfig, forLooking = false): DataSourceOptions {
  const common = { migrations: MIGRATIONS, migrationsRun: true, synchronize: false, logging: false as const };
  if (config.kind === 'sqlite') {
    return {
      ...common,
      type: 'better-sqlite3',
      database: config.path,
      enableWAL: !forLooking,
      prepareDatabase: (database: Database.Database) => {
        const migrations = MIGRATIONS.map(({ name }) => name);
        requireOwnFile(database, BUSY_TIMEOUT_MS, migrations);
        database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
        database.pragma('synchronous = FULL');
      },
    };
  }
  return {
    ...common,
    type: new URL(config.url).protocol === 'mysql:' ? 'mysql' : 'mariadb',
    url: config.url.replace(/^mariadb:/, 'mysql:'),
    charset: 'utf8mb4',
    timezone: 'Z',
    supportBigNumbers: true,
    bigNumberStrings: false,
    poolSize: MAX_WRITERS + CONNECTIONS_OF_READERS,
    connectTimeout: 5000,
  };
}
