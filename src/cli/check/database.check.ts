import { accessSync, constants, existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type DataSource } from 'typeorm';
import { type AppConfig } from '../../config/app-config.js';
import { describeDatabase } from '../../database/describe-database.js';
import { readSchemaState, requireKnownSchema, type SchemaState } from '../../database/schema-state.js';
import { needsSealing } from '../../database/sealing/seal-database.js';
import { dataKeysOf, readSealingState, requireNotSealed } from '../../database/sealing/sealing-state.js';
import { type SealingState } from '../../database/sealing/sealing-state.entity.js';
import { generationOfCheck } from '../../sealing/sealing.protocol.js';
import { Registrations } from '../../database/registrations.js';
import { problemOf } from '../../common/words/problem-of.js';
import { CliError } from '../cli-error.js';
import { withDataSource } from '../with-database.js';
import { type Check } from './check.js';

export interface DatabaseCheck extends Check {
  /** The number of the data key that the database is sealed with; 0 = it is not. */
  generation: number;
  /** Apps are registered in it, which know this server by its key. */
  isInUse: boolean;
}

/** Only looks: the file stays as it is, whatever it holds. */
export async function checkDatabase({ database, dataKeyFile }: AppConfig): Promise<DatabaseCheck> {
  const where = describeDatabase(database);
  if (database.kind === 'sqlite' && !existsSync(database.path))
    return { ...absent(resolve(database.path)), generation: 0, isInUse: false };
  let generation = 0;
  let isInUse = false;
  try {
    const check = await withDataSource(
      database,
      async (dataSource) => {
        const schema = schemaCheck(where, await readSchemaState(dataSource));
        if (schema.status !== 'ok') return schema;
        const state = await readSealingState(dataSource);
        generation = state ? generationOfCheck(state.keyCheck) : 0;
        isInUse = await new Registrations(dataSource).exist();
        return sealingCheck(schema, dataSource, state, dataKeyFile);
      },
      true,
    );
    return { ...check, generation, isInUse };
  } catch (error) {
    const detail = error instanceof CliError ? error.message : `${where}: ${problemOf(error)}`;
    return { name: 'database', status: 'failed', detail, generation, isInUse };
  }
}

function schemaCheck(where: string, schema: SchemaState): Check {
  const name = 'database';
  requireKnownSchema(schema);
  if (schema.pending.length > 0) {
    const detail = `${where} lacks ${schema.pending.length} schema changes, which the server makes at start`;
    return { name, status: 'warning', detail };
  }
  return { name, status: 'ok', detail: `${where}, schema up to date` };
}

async function sealingCheck(
  schema: Check,
  dataSource: DataSource,
  state: SealingState | null,
  dataKeyFile: string | null,
): Promise<Check> {
  if (dataKeyFile === null) requireNotSealed(state);
  else dataKeysOf(state, resolve(dataKeyFile));
  if (await needsSealing(dataSource, dataKeyFile)) {
    return {
      ...schema,
      status: 'warning',
      detail: `${schema.detail}; the server seals it at start, with ${state ? 'the last key of ' : ''}DATA_KEY_FILE`,
    };
  }
  return state ? { ...schema, detail: `${schema.detail}, ids and tokens sealed` } : schema;
}

/** The server makes the file, and the folders above it, at its first start if it may. */
function absent(path: string): Check {
  const name = 'database';
  let folder = dirname(path);
  while (!existsSync(folder)) folder = dirname(folder);
  try {
    accessSync(folder, constants.W_OK);
    return { name, status: 'warning', detail: `${path} does not exist yet; the server makes it at its first start` };
  } catch {
    return { name, status: 'failed', detail: `${path} does not exist and may not be made in ${folder}` };
  }
}
