import { type Command } from 'commander';
import { existsSync } from 'node:fs';
import { DataSource } from 'typeorm';
import { type AppConfig, loadConfig } from '../../config/app-config.js';
import { MIGRATIONS } from '../../database/database-options.js';
import { examples, print } from '../output.js';
import { readSchemaState } from '../schema-state.js';
import { openContext } from '../with-database.js';

export function addMigrateCommand(program: Command): void {
  program
    .command('migrate')
    .description('make the database, or bring its schema up to this version; the server does the same at start')
    .option('--dry-run', 'only tell what would be done')
    .addHelpText('after', `\nStop the server of the older version first.\n${examples('migrate --dry-run', 'migrate')}`)
    .action(async ({ dryRun = false }: { dryRun?: boolean }) => {
      const config = loadConfig();
      const names = dryRun ? await pendingMigrations(config) : await migrate(config);
      if (names.length === 0) print('The schema is up to date.');
      for (const name of names) print(`${dryRun ? 'pending' : 'done'} ${name}`);
    });
}

async function pendingMigrations(config: AppConfig): Promise<string[]> {
  const { database } = config;
  // Opening a file that does not exist would make it.
  if (database.kind === 'sqlite' && !existsSync(database.path)) return MIGRATIONS.map(({ name }) => name);
  const app = await openContext(config);
  try {
    return (await readSchemaState(app.get(DataSource))).pending;
  } finally {
    await app.close();
  }
}

async function migrate(config: AppConfig): Promise<string[]> {
  const app = await openContext(config);
  try {
    return (await app.get(DataSource).runMigrations()).map(({ name }) => name);
  } finally {
    await app.close();
  }
}
