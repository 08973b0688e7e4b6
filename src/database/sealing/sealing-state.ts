import { type DataSource } from 'typeorm';
import { readDataKey } from '../../sealing/data-key.file.js';
import { keyCheckOf } from '../../sealing/sealing.protocol.js';
import { type SealingState } from './sealing-state.entity.js';

/** The data key and the database do not go together. The message is for the operator. */
export class SealingError extends Error {
  override readonly name = 'SealingError';
}

/** Null = nothing is sealed, and nothing was begun. */
export async function readSealingState({ manager }: DataSource): Promise<SealingState | null> {
  const [row] = await manager.query<{ key_check: string; converting: number }[]>(
    'SELECT key_check, converting FROM sealing',
  );
  return row ? { keyCheck: row.key_check, converting: Boolean(row.converting) } : null;
}

/** @throws SealingError */
export function requireNotSealed(state: SealingState | null): void {
  if (state) throw new SealingError('The database is sealed: set DATA_KEY_FILE to the file that holds its key.');
}

/**
 * The data key; null when the file does not exist and need not yet.
 *
 * @throws SealingError when the database is sealed and this is not its key
 */
export function dataKeyOf(state: SealingState | null, file: string): Buffer | null {
  const dataKey = readDataKey(file);
  if (state && !dataKey) {
    throw new SealingError(
      `There is no file ${file}, and the database is sealed with the key that it held: put a copy of it back. Should there ` +
        'be none, begin with an empty database: apps register again by themselves.',
    );
  }
  if (state && dataKey && state.keyCheck !== keyCheckOf(dataKey)) {
    throw new SealingError(
      `The database is sealed with another key than the one in ${file}: set DATA_KEY_FILE to the file that was used before.`,
    );
  }
  return dataKey;
}
