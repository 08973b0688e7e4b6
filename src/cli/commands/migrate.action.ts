import { existsSync } from 'node:fs';
import { type DataSource } from 'typeorm';
import { type AppConfig, loadConfig } from '../../config/app-config.js';
import { MIGRATIONS } from '../../database/database-options.js';
import { InstanceLock, isSharedDatabase } from '../../database/instance-lock.js';
import { migrate } from '../../database/migrate.js';
import { readSchemaState, requireKnownSchema } from '../../database/schema-state.js';
import { openSealing } from '../../database/sealing/open-sealing.js';
import { needsSealing, sealDatabase } from '../../database/sealing/seal-database.js';
import { print } from '../output.js';
import { ProgressBar } from '../progress-bar.js';
import { withDataSource } from '../with-database.js';

export interface MigrateOptions {
  dryRun?: boolean;
}

/** What was to be done. */
interface Changes {
  migrations: string[];
  /** Ids and tokens were to be sealed. */
  sealing: boolean;
}

export async function migrateDatabase({ dryRun = false }: MigrateOptions): Promise<void> {
  const { migrations, sealing } = await bringUpToDate(loadConfig(), dryRun);
  if (migrations.length === 0) print('The schema is up to date.');
  for (const name of migrations) print(`${dryRun ? 'pending' : 'done'} ${name}`);
  if (sealing) print(`${dryRun ? 'pending' : 'done'} sealing of ids and tokens`);
}

async function bringUpToDate(config: AppConfig, dryRun: boolean): Promise<Changes> {
  const { database, dataKeyFile } = config;
  // Opening a file that does not exist would make it.
  if (dryRun && database.kind === 'sqlite' && !existsSync(database.path)) {
    return { migrations: MIGRATIONS.map(({ name }) => name), sealing: dataKeyFile !== null };
  }
  return withDataSource(database, async (dataSource) => {
    const schema = await readSchemaState(dataSource);
    requireKnownSchema(schema);
    const { pending } = schema;
    if (dryRun && pending.length > 0) return { migrations: pending, sealing: dataKeyFile !== null };
    if (pending.length > 0) await migrate(dataSource);
    const sealing = await needsSealing(dataSource, dataKeyFile);
    if (!sealing) await openSealing(dataSource, dataKeyFile);
    else if (!dryRun) await seal(dataSource, config);
    return { migrations: pending, sealing };
  });
}

/** Not under a server that is at work: it would go on writing as before. */
async function seal(dataSource: DataSource, config: AppConfig): Promise<void> {
  const lock = isSharedDatabase(config) ? null : new InstanceLock(dataSource);
  try {
    await lock?.acquire();
    await sealDatabase(dataSource, config.dataKeyFile, (rows) => new ProgressBar('Sealing', rows));
  } finally {
    await lock?.onApplicationShutdown();
  }
}
