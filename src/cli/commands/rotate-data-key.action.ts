import { resolve } from 'node:path';
import { type DataSource } from 'typeorm';
import { loadConfig } from '../../config/app-config.js';
import { CLI } from '../../config/cli-name.js';
import { needsSealing } from '../../database/sealing/seal-database.js';
import { addDataKey, readDataKeys } from '../../sealing/data-key.file.js';
import { MAX_DATA_KEYS } from '../../sealing/sealing.protocol.js';
import { alone } from '../alone.js';
import { CliError } from '../cli-error.js';
import { print } from '../output.js';
import { withReadyDataSource } from '../with-database.js';

export async function rotateDataKey(): Promise<void> {
  const config = loadConfig();
  if (config.dataKeyFile === null) throw new CliError('DATA_KEY_FILE is not set: there is no data key.');
  const file = resolve(config.dataKeyFile);
  const keys = await withReadyDataSource(config.database, (dataSource) =>
    alone(dataSource, config, () => addKey(dataSource, file)),
  );
  print(`${file} holds ${keys} keys now. The last one is in use from the next start:

1. Put a copy of the file in the place of the copy that you keep: without its last line the database will be worthless.
2. See that all servers that use the database are stopped, and copy the file to each of them.
3. Start the server, or run ${CLI} migrate: it seals what the database holds with the last key.
4. Remove older backups and other copies: who knows the earlier key reads them.`);
}

/** One after the other: a key that nothing was sealed with yet would be of no use to anybody. */
async function addKey(dataSource: DataSource, file: string): Promise<number> {
  const isPending = await needsSealing(dataSource, file);
  const keys = readDataKeys(file);
  if (isPending || !keys)
    throw new CliError(`The database is not sealed with the key in ${file} yet. To do it: ${CLI} migrate`);
  if (keys.length === MAX_DATA_KEYS) {
    throw new CliError(
      `${file} holds ${MAX_DATA_KEYS} keys, and there can be no more: begin with an empty database and another file.`,
    );
  }
  addDataKey(file, keys);
  return keys.length + 1;
}
