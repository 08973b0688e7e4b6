import { type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { DataSource } from 'typeorm';
import { CLI } from '../config/cli-name.js';
import { type AppConfig, type DatabaseConfig, loadConfig } from '../config/app-config.js';
import { startProblem } from '../common/start/start-problem.js';
import { databaseOptions } from '../database/database-options.js';
import { describeDatabase } from '../database/describe-database.js';
import { readSchemaState, requireKnownSchema } from '../database/schema-state.js';
import { openSealing } from '../database/sealing/open-sealing.js';
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
  const sealing = await withReadyDataSource(config.database, (dataSource) =>
    openSealing(dataSource, config.dataKeyFile),
  );
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
    await open(dataSource, config);
    return await work(dataSource);
  } finally {
    if (dataSource.isInitialized) await dataSource.destroy();
  }
}

async function open(dataSource: DataSource, config: DatabaseConfig): Promise<void> {
  try {
    await dataSource.initialize();
  } catch (cause) {
    throw new CliError(startProblem(cause, describeDatabase(config)), { cause });
  }
}

/** The bare database, which must be there with the schema of this version. */
export async function withReadyDataSource<T>(
  config: DatabaseConfig,
  work: (dataSource: DataSource) => Promise<T>,
): Promise<T> {
  if (config.kind === 'sqlite' && !existsSync(config.path)) {
    throw new CliError(`There is no database at ${resolve(config.path)}. To make it: ${CLI} migrate`);
  }
  return withDataSource(config, async (dataSource) => {
    const schema = await readSchemaState(dataSource);
    requireKnownSchema(schema);
    if (schema.pending.length > 0) {
      throw new CliError(`The database does not have the schema of this version yet. To change it: ${CLI} migrate`);
    }
    return work(dataSource);
  });
}
