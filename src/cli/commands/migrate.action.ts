import { existsSync } from 'node:fs';
import { DataSource } from 'typeorm';
import { type AppConfig, loadConfig } from '../../config/app-config.js';
import { MIGRATIONS } from '../../database/database-options.js';
import { migrate } from '../../database/migrate.js';
import { print } from '../output.js';
import { readSchemaState } from '../schema-state.js';
import { openContext } from '../with-database.js';

export interface MigrateOptions {
  dryRun?: boolean;
}

export async function migrateDatabase({ dryRun = false }: MigrateOptions): Promise<void> {
  const names = await bringUpToDate(loadConfig(), dryRun);
  if (names.length === 0) print('The schema is up to date.');
  for (const name of names) print(`${dryRun ? 'pending' : 'done'} ${name}`);
}

/** Returns the migrations that were pending. */
async function bringUpToDate(config: AppConfig, dryRun: boolean): Promise<string[]> {
  const { database } = config;
  // Opening a file that does not exist would make it.
  if (dryRun && database.kind === 'sqlite' && !existsSync(database.path)) return MIGRATIONS.map(({ name }) => name);
  const app = await openContext(config);
  try {
    const dataSource = app.get(DataSource);
    const { pending } = await readSchemaState(dataSource);
    if (!dryRun && pending.length > 0) await migrate(dataSource);
    return pending;
  } finally {
    await app.close();
  }
}
