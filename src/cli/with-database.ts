import { type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { existsSync } from 'node:fs';
import { DataSource } from 'typeorm';
import { CLI } from '../config/cli-name.js';
import { type AppConfig, type DatabaseConfig, loadConfig } from '../config/app-config.js';
import { databaseOptions } from '../database/database-options.js';
import { readSchemaState, requireKnownSchema } from '../database/schema-state.js';
import { openSealing } from '../database/sealing/open-sealing.js';
import { type Sealing } from '../sealing/sealing.js';
import { CliError } from './cli-error.js';
import { CliModule } from './cli.module.js';

/**
 * Gives a command the features it uses on the configured database, and closes the database whatever happens. The database
 * must be there with the schema of this version, and sealed as the configuration says.
 */
export async function withDatabase<T>(
  work: (app: INestApplicationContext, config: AppConfig) => Promise<T>,
): Promise<T> {
  const config = loadConfig();
  const { database } = config;
  if (database.kind === 'sqlite' && !existsSync(database.path)) {
    throw new CliError(`There is no database at ${database.path}. To make it: ${CLI} migrate`);
  }
  const sealing = await withDataSource(database, (dataSource) => requireReady(dataSource, config));
  // Nest would print an error with its stack; the command says it in one sentence.
  const app = await NestFactory.createApplicationContext(CliModule.forRoot(config, sealing), {
    logger: false,
    abortOnError: false,
  });
  try {
    return await work(app, config);
  } finally {
    await app.close();
  }
}

/**
 * The bare database, whatever its schema. A SQLite file that does not exist is made, one of something else refused.
 *
 * @param forLooking nothing is changed, not even the journal mode
 */
export async function withDataSource<T>(
  config: DatabaseConfig,
  work: (dataSource: DataSource) => Promise<T>,
  forLooking = false,
): Promise<T> {
  const dataSource = new DataSource({ ...databaseOptions(config, forLooking), migrationsRun: false });
  try {
    await dataSource.initialize();
    return await work(dataSource);
  } finally {
    if (dataSource.isInitialized) await dataSource.destroy();
  }
}

async function requireReady(dataSource: DataSource, { dataKeyFile }: AppConfig): Promise<Sealing> {
  const schema = await readSchemaState(dataSource);
  requireKnownSchema(schema);
  if (schema.pending.length > 0) {
    throw new CliError(`The database does not have the schema of this version yet. To change it: ${CLI} migrate`);
  }
  return openSealing(dataSource, dataKeyFile);
}
