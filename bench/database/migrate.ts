import 'reflect-metadata';
import { DataSource } from 'typeorm';
import { type DatabaseConfig } from '../../src/config/app-config.js';
import { databaseOptions } from '../../src/database/database-options.js';

/** Brings a database to the server's own schema. */
export async function migrate(config: DatabaseConfig): Promise<void> {
  const dataSource = await new DataSource(databaseOptions(config)).initialize();
  await dataSource.destroy();
}
