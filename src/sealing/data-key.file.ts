import { randomBytes } from 'node:crypto';
import { createKey, type KeyFile, readKey } from '../common/key-file.js';

const HEXADECIMAL = /^[0-9a-f]{64}$/i;

const keyFile = (path: string): KeyFile => ({
  path,
  variable: 'DATA_KEY_FILE',
  keyName: 'data key',
  decodeText: decodeHex,
});

/** 32 bytes; null when the file does not exist. */
export const readDataKey = (path: string): Buffer | null => readKey(keyFile(path));

/** Makes the file with a fresh key, readable by its owner alone, and returns the key that it holds. */
export const createDataKey = (path: string): Buffer => createKey(keyFile(path), randomBytes(32));

function decodeHex(text: string): Buffer | null {
  return HEXADECIMAL.test(text.trim()) ? Buffer.from(text.trim(), 'hex') : null;
}
