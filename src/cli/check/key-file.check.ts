import { existsSync, statSync } from 'node:fs';
import { readPublicKey } from '../key-file.js';
import { problemOf } from '../problem-of.js';
import { type Check } from './check.js';

const OTHERS = 0o077;

export function checkKeyFile(file: string): Check {
  const name = 'onion key';
  if (!existsSync(file)) {
    return { name, status: 'warning', detail: `${file} does not exist yet; the server makes it at its first start` };
  }
  try {
    const publicKey = readPublicKey(file);
    if ((statSync(file).mode & OTHERS) !== 0) {
      return { name, status: 'warning', detail: `other users may read ${file}: chmod 600 ${file}` };
    }
    return { name, status: 'ok', detail: `public key ${publicKey}` };
  } catch (error) {
    return { name, status: 'failed', detail: problemOf(error) };
  }
}
