import { type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { existsSync } from 'node:fs';
import { DataSource } from 'typeorm';
import { type AppConfig, loadConfig } from '../config/app-config.js';
import { CliError } from './cli-error.js';
import { CliModule } from './cli.module.js';
import { readSchemaState } from './schema-state.js';

/**
 * Gives a command the features it uses on the configured database, and closes the database whatever happens. The database
 * must be there with the schema of this version.
 */
export async function withDatabase<T>(
  work: (app: INestApplicationContext, config: AppConfig) => Promise<T>,
): Promise<T> {
  const config = loadConfig();
  const { database } = config;
  if (database.kind === 'sqlite' && !existsSync(database.path)) {
    throw new CliError(`There is no database at ${database.path}. To make it: session-push migrate`);
  }
  const app = await openContext(config);
  try {
    const { pending, unknown } = await readSchemaState(app.get(DataSource));
    if (unknown.length > 0) throw new CliError('The database was changed by a newer version of this program.');
    if (pending.length > 0) {
      throw new CliError('The database has not the schema of this version yet. To change it: session-push migrate');
    }
    return await work(app, config);
  } finally {
    await app.close();
  }
}

/** Nest would print an error with its stack; the command says it in one sentence. */
export function openContext(config: AppConfig): Promise<INestApplicationContext> {
  return NestFactory.createApplicationContext(CliModule.forRoot(config), { logger: false, abortOnError: false });
}
