import { createKey, type KeyFile, readKey } from '../common/key-file.js';
import { exportPrivateKey, generateKeyPair, importKeyPair, type X25519KeyPair } from './protocol/key-agreement.js';
import { decodeHexKey } from './protocol/key-encodings.js';

/** Reads the key file; makes one with a fresh key, readable by its owner alone, when there is none. */
export function loadOrCreateKeyPair(path: string): X25519KeyPair {
  const file: KeyFile = { path, keyName: 'onion private key', decodeText: decodeHexKey };
  return importKeyPair(readKey(file) ?? createKey(file, exportPrivateKey(generateKeyPair())));
}
