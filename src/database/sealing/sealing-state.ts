import { resolve } from 'node:path';
import { type DataSource } from 'typeorm';
import { type DataKeys, readDataKeys } from '../../sealing/data-key.file.js';
import { formerKeyCheckOf, generationOfCheck, keyCheckOf } from '../../sealing/sealing.protocol.js';
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
 * The data keys, of which the database may be sealed with an earlier one; null when the file does not exist and need not yet.
 *
 * @throws SealingError when the database is sealed and its key is not among them
 */
export function dataKeysOf(state: SealingState | null, path: string): DataKeys | null {
  const file = resolve(path);
  const keys = readDataKeys(file);
  if (!state) return keys;
  if (!keys) {
    throw new SealingError(
      `There is no file ${file}, and the database is sealed with the key that it held: put a copy of it back. Should there ` +
        'be none, begin with an empty database: apps register again by themselves.',
    );
  }
  const generation = generationOfCheck(state.keyCheck);
  if (generation > keys.length) {
    throw new SealingError(
      `The database is sealed with the key in line ${generation} of its file, and ${file} lacks that line: it is an older ` +
        'copy, put the newest one in its place.',
    );
  }
  if (state.keyCheck !== keyCheckOf(keysInUse(state, keys)) && !isOfUnbound(state, keys)) {
    throw new SealingError(
      `The database is sealed with another key than the one in ${file}: set DATA_KEY_FILE to the file that was used before.`,
    );
  }
  return keys;
}

/** Whether it was sealed, with these keys, by a version that did not bind rows yet. */
export const isOfUnbound = (state: SealingState, keys: DataKeys): boolean =>
  state.keyCheck === formerKeyCheckOf(keysInUse(state, keys));

/** The data keys, as many as there were when the database was sealed. */
export function keysInUse({ keyCheck }: SealingState, [first, ...later]: DataKeys): DataKeys {
  return [first, ...later.slice(0, generationOfCheck(keyCheck) - 1)];
}
