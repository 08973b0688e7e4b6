import { type DataSource } from 'typeorm';
import { CLI } from '../../config/cli-name.js';
import { KeyedSealing, NoSealing, type Sealing } from '../../sealing/sealing.js';
import { isComplete } from './seal-database.js';
import {
  dataKeysOf,
  isOfUnbound,
  keysInUse,
  readSealingState,
  requireNotSealed,
  SealingError,
} from './sealing-state.js';

/**
 * How ids and tokens are stored in the database. Changes nothing: for the command line and for processes beside the server,
 * which goes on with the key that it has, when a later one was put into the file since.
 *
 * @param file null = no data key
 * @throws SealingError when that is not what the configuration says
 */
export async function openSealing(dataSource: DataSource, file: string | null): Promise<Sealing> {
  const state = await readSealingState(dataSource);
  if (file === null) {
    requireNotSealed(state);
    return new NoSealing();
  }
  const keys = dataKeysOf(state, file);
  if (keys && isComplete(state) && !isOfUnbound(state, keys)) return new KeyedSealing(...keysInUse(state, keys));
  throw new SealingError(`The database is not sealed yet, as DATA_KEY_FILE wants it. To do it: ${CLI} migrate`);
}
