import type Database from 'better-sqlite3';
import { type DataSourceOptions } from 'typeorm';
import { type DatabaseConfig } from '../config/app-config.js';
import { Initial1795000000000 } from './migrations/1795000000000-initial.js';
import { Sealing1795100000000 } from './migrations/1795100000000-sealing.js';
import { PushContent1795200000000 } from './migrations/1795200000000-push-content.js';
import { DueIndex1795250000000 } from './migrations/1795250000000-due-index.js';
import { Standing1795310000000 } from './migrations/1795310000000-standing.js';
import { PagesAndDeaths1795320000000 } from './migrations/1795320000000-pages-and-deaths.js';
import { Subscriptions1795400000000 } from './migrations/1795400000000-subscriptions.js';
import { DevicelessMembers1795450000000 } from './migrations/1795450000000-deviceless-members.js';
import { DatabaseId1795460000000 } from './migrations/1795460000000-database-id.js';
import { LowerCaseIosTokens1795470000000 } from './migrations/1795470000000-lower-case-ios-tokens.js';
import { StatisticsHours1795480000000 } from './migrations/1795480000000-statistics-hours.js';
import { LaterDataKeys1795490000000 } from './migrations/1795490000000-later-data-keys.js';
import { BoundDevices1795500000000 } from './migrations/1795500000000-bound-devices.js';
import { parseDatabaseUrl } from '../config/database-url.js';
import { tlsOptions } from './mysql/tls-options.js';
import { mysqlDriver } from './mysql/mysql-driver.js';
import { requireOwnFile } from './own-sqlite-file.js';

/** Every schema change, oldest first. */
export const MIGRATIONS = [
  Initial1795000000000,
  Sealing1795100000000,
  PushContent1795200000000,
  DueIndex1795250000000,
  Standing1795310000000,
  PagesAndDeaths1795320000000,
  Subscriptions1795400000000,
  DevicelessMembers1795450000000,
  DatabaseId1795460000000,
  LowerCaseIosTokens1795470000000,
  StatisticsHours1795480000000,
  LaterDataKeys1795490000000,
  BoundDevices1795500000000,
];

/** How long SQLite waits for other processes by itself. */
export const BUSY_TIMEOUT_MS = 5000;

/**
 * Bytes of SQLite's write-ahead log after which it is moved to the database, and of its file that stay. A commit does that, but in a server,
 * where `WalMoves` is before it. With SQLite's own 4 MB pages that change often are moved several times instead of once.
 */
export const LOG_BYTES = 16 * 1024 * 1024;
/** SQLite's own, which every file has that it made. */
export const PAGE_BYTES = 4096;

/** Lookups, the instance's lock and the operator's questions have some connections to MariaDB or MySQL for themselves. */
const MAX_CONNECTIONS_OF_READERS = 6;
const SHARE_OF_READERS = 0.4;

/** Transactions on MariaDB or MySQL at one time, of a pool of so many connections. */
export const writersOf = (poolSize: number): number =>
  poolSize - Math.min(MAX_CONNECTIONS_OF_READERS, Math.max(2, Math.floor(poolSize * SHARE_OF_READERS)));

/**
 * How TypeORM reaches the database. Both kinds run the same migrations at start and never synchronize.
 *
 * SQLite: WAL with `synchronous=FULL`, so that a commit is on disk when it returns, until the `DatabaseWriter` takes the
 * flushing over. One connection is shared by everything, therefore all writes go through that. A file of something else is refused and left as it is.
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
        // What is deleted is overwritten, in pages that stay in use and in those that are free.
        database.pragma('secure_delete = ON');
        // A log that grew while somebody read for long does not stay that large.
        database.pragma(`journal_size_limit = ${LOG_BYTES}`);
        database.pragma(`wal_autocheckpoint = ${LOG_BYTES / PAGE_BYTES}`);
      },
    };
  }
  const { protocol, host, port, user, password, database, tls } = parseDatabaseUrl(config.url);
  return {
    ...common,
    type: protocol === 'mysql' ? 'mysql' : 'mariadb',
    driver: mysqlDriver,
    host,
    port,
    username: user,
    password,
    database,
    ...tlsOptions(tls, config.caFile, host),
    charset: 'utf8mb4',
    timezone: 'Z',
    supportBigNumbers: true,
    bigNumberStrings: false,
    poolSize: config.connections,
    connectTimeout: 5000,
  };
}
