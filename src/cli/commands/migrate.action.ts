import { existsSync } from 'node:fs';
import { type DataSource } from 'typeorm';
import { type AppConfig, loadConfig } from '../../config/app-config.js';
import { MIGRATIONS } from '../../database/database-options.js';
import { migrate } from '../../database/migrate.js';
import { readSchemaState, requireKnownSchema } from '../../database/schema-state.js';
import { openSealing } from '../../database/sealing/open-sealing.js';
import { needsSealing, sealDatabase } from '../../database/sealing/seal-database.js';
import { alone } from '../alone.js';
import { print, printJson } from '../output.js';
import { ProgressBar } from '../progress-bar.js';
import { withDataSource } from '../with-database.js';

export interface MigrateOptions {
  dryRun?: boolean;
  json?: boolean;
}

/** What was to be done. */
interface Changes {
  migrations: string[];
  /** Ids and tokens were to be sealed. */
  sealing: boolean;
}

export async function migrateDatabase({ dryRun = false, json = false }: MigrateOptions): Promise<void> {
  const config = loadConfig();
  const changes = dryRun ? await lookForChanges(config) : await bringUpToDate(config);
  if (json) return printJson({ dryRun, ...changes });
  const { migrations, sealing } = changes;
  if (migrations.length === 0) print('The schema is up to date.');
  for (const name of migrations) print(`${dryRun ? 'pending' : 'done'} ${name}`);
  if (sealing) print(`${dryRun ? 'pending' : 'done'} sealing of ids and tokens`);
}

async function lookForChanges({ database, dataKeyFile }: AppConfig): Promise<Changes> {
  // Opening a file that does not exist would make it.
  if (database.kind === 'sqlite' && !existsSync(database.path)) {
    return { migrations: MIGRATIONS.map(({ name }) => name), sealing: dataKeyFile !== null };
  }
  return withDataSource(database, (dataSource) => findChanges(dataSource, dataKeyFile), true);
}

function bringUpToDate(config: AppConfig): Promise<Changes> {
  return withDataSource(config.database, async (dataSource) => {
    const found = await findChanges(dataSource, config.dataKeyFile);
    return found.migrations.length === 0 && !found.sealing ? found : changeAlone(dataSource, config);
  });
}

async function findChanges(dataSource: DataSource, dataKeyFile: string | null): Promise<Changes> {
  const schema = await readSchemaState(dataSource);
  requireKnownSchema(schema);
  const { pending } = schema;
  if (pending.length > 0) return { migrations: pending, sealing: dataKeyFile !== null };
  const sealing = await needsSealing(dataSource, dataKeyFile);
  if (!sealing) await openSealing(dataSource, dataKeyFile);
  return { migrations: [], sealing };
}

/** Not under a server that is at work, which would go on as before, nor beside another `migrate`. */
const changeAlone = (dataSource: DataSource, config: AppConfig): Promise<Changes> =>
  alone(dataSource, config, async () => {
    // Who had the database before may have done it.
    const { pending: migrations } = await readSchemaState(dataSource);
    await migrate(dataSource);
    const sealing = await needsSealing(dataSource, config.dataKeyFile);
    await sealDatabase(
      dataSource,
      config.dataKeyFile,
      (rows) => new ProgressBar('Sealing', rows),
      (file) => process.stderr.write(`Made a new data key in ${file}: keep a copy in a safe place.\n`),
    );
    return { migrations, sealing };
  });
