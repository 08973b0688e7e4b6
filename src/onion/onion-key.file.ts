import { createKey, type KeyFile, type KeyPlace, readKey, requireFirstKey } from '../common/start/key-file.js';
import { exportPrivateKey, generateKeyPair, importKeyPair, type X25519KeyPair } from './protocol/key-agreement.js';
import { decodeHexKey } from '../encoding/key-encodings.js';

const keyFile = (path: string): KeyFile => ({
  path,
  variable: 'ONION_PRIVATE_KEY_FILE',
  keyName: 'onion private key',
  decodeText: decodeHexKey,
});

/** Null when the file does not exist. */
export function readKeyPair(path: string): X25519KeyPair | null {
  const key = readKey(keyFile(path));
  return key && importKeyPair(key);
}

/** Makes the file with a fresh key, readable by its owner alone. */
export function createKeyPair(path: string): X25519KeyPair {
  return importKeyPair(createKey(keyFile(path), exportPrivateKey(generateKeyPair())));
}

/** @throws KeyFileError when a missing key must not simply be made */
export const requireFirstKeyPair = (path: string, place: KeyPlace): Promise<void> =>
  requireFirstKey(keyFile(path), place);
