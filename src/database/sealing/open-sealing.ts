import { type DataSource } from 'typeorm';
import { CLI } from '../../config/cli-name.js';
import { KeyedSealing, NoSealing, type Sealing } from '../../sealing/sealing.js';
import { isComplete } from './seal-database.js';
import { dataKeyOf, readSealingState, requireNotSealed, SealingError } from './sealing-state.js';

/**
 * How ids and tokens are stored in the database. Changes nothing: for the command line and for processes beside the server.
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
  const dataKey = dataKeyOf(state, file);
  if (dataKey && isComplete(state)) return new KeyedSealing(dataKey);
  throw new SealingError(`The database is not sealed yet, as DATA_KEY_FILE wants it. To do it: ${CLI} migrate`);
}
