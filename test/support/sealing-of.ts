import { readDataKeys } from '../../src/sealing/data-key.file.js';
import { KeyedSealing } from '../../src/sealing/sealing.js';

/** As a server with this file of data keys seals. */
export function sealingOf(file: string): KeyedSealing {
  const keys = readDataKeys(file);
  if (!keys) throw new Error(`There is no file ${file}.`);
  return new KeyedSealing(...keys);
}
