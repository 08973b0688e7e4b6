import 'reflect-metadata';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { DataSource } from 'typeorm';
import { ClosedGroupMember } from './closed-groups/closed-group-member.entity.js';
import { ClosedGroup } from './closed-groups/closed-group.entity.js';
import { type DatabaseConfig, loadConfig } from './config/app-config.js';
import { Device } from './devices/device.entity.js';
import { SuspectToken } from './devices/suspect-token.entity.js';
import { ProviderState } from './delivery/lanes/provider-state.entity.js';
import { QueuedNotification } from './delivery/queue/queued-notification.entity.js';
import { StatisticsHour } from './statistics/statistics-hour.entity.js';
import { StatisticsPeriod } from './statistics/statistics-period.entity.js';
import { DatabaseIdRow } from './database/database-id.entity.js';
import { parseDatabaseUrl } from './config/database-url.js';
import { tlsOptions } from './database/mysql/tls-options.js';
import { EndedSubscription } from './subscriptions/registry/ended-subscription.entity.js';
import { Subscription } from './subscriptions/registry/subscription.entity.js';
import { databaseOptions } from './database/database-options.js';
import { SealingState } from './database/sealing/sealing-state.entity.js';

/** All tables. The running server gets them from its modules; the migration commands and tests from here. */
export const ENTITIES = [
  Device,
  SuspectToken,
  ClosedGroup,
  ClosedGroupMember,
  QueuedNotification,
  ProviderState,
  StatisticsPeriod,
  StatisticsHour,
  Subscription,
  EndedSubscription,
  SealingState,
  DatabaseIdRow,
];

/** What the migration commands work on. */
export async function migrationDataSource(): Promise<DataSource> {
  const config = await calledByItsName(loadConfig().database);
  return new DataSource({ ...databaseOptions(config), migrationsRun: false, entities: ENTITIES });
}

/**
 * `mysql://` may lead to MariaDB, which the server need not know. But the two report differently that a column has no
 * default, and `migration:generate` would find changes that are none.
 */
async function calledByItsName(config: DatabaseConfig): Promise<DatabaseConfig> {
  if (config.kind === 'sqlite') return config;
  const { host, port, user, password, database, tls } = parseDatabaseUrl(config.url);
  const ssl = tlsOptions(tls, config.caFile, host);
  const connection = await createConnection({ host, port, user, password, database, ...ssl });
  try {
    const [rows] = await connection.query<RowDataPacket[]>('SELECT VERSION() AS version');
    const protocol = String(rows[0]?.['version']).includes('MariaDB') ? 'mariadb:' : 'mysql:';
    return { ...config, url: config.url.replace(/^\w+:/, protocol) };
  } finally {
    await connection.end();
  }
}
