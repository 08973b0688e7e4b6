import { addDataKey, type DataKeys, readDataKeys } from '../../src/sealing/data-key.file.js';
import { KeyedSealing } from '../../src/sealing/sealing.js';

function keysIn(file: string): DataKeys {
  const keys = readDataKeys(file);
  if (!keys) throw new Error(`There is no file ${file}.`);
  return keys;
}

/** As a server with this file of data keys seals. */
export const sealingOf = (file: string): KeyedSealing => new KeyedSealing(...keysIn(file));

/** As the operator's command does it. */
export const rotateDataKey = (file: string): void => addDataKey(file, keysIn(file));
