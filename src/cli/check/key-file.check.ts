import { existsSync, statSync } from 'node:fs';
import { readDataKey } from '../../sealing/data-key.file.js';
import { readPublicKey } from '../key-file.js';
import { problemOf } from '../problem-of.js';
import { type Check } from './check.js';

const OTHERS = 0o077;

export const checkOnionKey = (file: string): Check =>
  checkKeyFile('onion key', file, () => `public key ${readPublicKey(file)}`);

export function checkDataKey(file: string | null): Check {
  if (file === null) {
    return { name: 'data key', status: 'off', detail: 'not configured, ids and tokens are stored as they are' };
  }
  return checkKeyFile('data key', file, () => {
    readDataKey(file);
    return `${file} is usable; keep a copy in a safe place`;
  });
}

function checkKeyFile(name: string, file: string, read: () => string): Check {
  if (!existsSync(file)) {
    return { name, status: 'warning', detail: `${file} does not exist yet; the server makes it at its first start` };
  }
  try {
    const detail = read();
    if ((statSync(file).mode & OTHERS) !== 0) {
      return { name, status: 'warning', detail: `other users may read ${file}: chmod 600 ${file}` };
    }
    return { name, status: 'ok', detail };
  } catch (error) {
    return { name, status: 'failed', detail: problemOf(error) };
  }
}
