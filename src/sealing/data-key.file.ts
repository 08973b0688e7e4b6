import { randomBytes } from 'node:crypto';
import { createKeys, type Keys, type KeysFile, readKeys, replaceKeyFile } from '../common/start/key-file.js';
import { MAX_DATA_KEYS } from './sealing.protocol.js';

const HEXADECIMAL = /^[0-9a-f]{64}$/i;

/** 32 bytes each, oldest first: the last is in use. */
export type DataKeys = Keys;

const keysFile = (path: string): KeysFile => ({
  path,
  variable: 'DATA_KEY_FILE',
  keyName: 'data key',
  severalKeys: `up to ${MAX_DATA_KEYS} different keys in lines of 64 hexadecimal characters, the one in use last`,
  decodeText: decodeLines,
});

/** Null when the file does not exist. */
export const readDataKeys = (path: string): DataKeys | null => readKeys(keysFile(path));

/** Makes the file with a fresh key, readable by its owner alone, and returns the keys that it holds. */
export const createDataKey = (path: string): DataKeys => createKeys(keysFile(path), randomBytes(32));

/** Writes the file anew with a fresh key behind those that it holds. */
export function addDataKey(path: string, keys: DataKeys): void {
  const lines = [...keys, randomBytes(32)].map((key) => `${key.toString('hex')}\n`);
  replaceKeyFile(keysFile(path), lines.join(''));
}

function decodeLines(text: string): DataKeys | null {
  const [first, ...others] = text.trim().split(/\s*\n\s*/);
  if (first === undefined) return null;
  const lines = [first, ...others] as const;
  const isUsable =
    lines.length <= MAX_DATA_KEYS &&
    lines.every((line) => HEXADECIMAL.test(line)) &&
    new Set(lines.map((line) => line.toLowerCase())).size === lines.length;
  const decode = (line: string): Buffer => Buffer.from(line, 'hex');
  return isUsable ? [decode(first), ...others.map(decode)] : null;
}
