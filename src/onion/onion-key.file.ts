import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { exportPrivateKey, generateKeyPair, importKeyPair, type X25519KeyPair } from './protocol/key-agreement.js';
import { decodeHexKey } from './protocol/key-encodings.js';

const RAW_BYTES = 32;

/** The key file cannot serve. The message is for the operator; it names the file, never a byte of it. */
export class OnionKeyError extends Error {
  override readonly name = 'OnionKeyError';
}

/** Reads the key file; makes one with a fresh key, readable by its owner alone, when there is none. */
export function loadOrCreateKeyPair(file: string): X25519KeyPair {
  return readKeyPair(file) ?? createKeyPair(file);
}

/** Null when the file does not exist. */
function readKeyPair(file: string): X25519KeyPair | null {
  let content: Buffer;
  try {
    content = readFileSync(file);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw new OnionKeyError(`The onion private key file ${file} cannot be read (${codeOf(error)})`, { cause: error });
  }
  const key = content.length === RAW_BYTES ? content : decodeHexKey(content.toString('latin1'));
  if (!key || key.every((byte) => byte === 0))
    throw new OnionKeyError(
      `The onion private key file ${file} is not usable: it must hold a key as 64 hexadecimal characters or ${RAW_BYTES} raw bytes`,
    );
  return importKeyPair(key);
}

/**
 * Writes beside the file first and then links it into place: the file is complete or absent even after a crash, and of two
 * processes that start together one makes the key and both use it.
 */
function createKeyPair(file: string): X25519KeyPair {
  const pair = generateKeyPair();
  const temporary = `${file}.${randomUUID()}.tmp`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(temporary, `${exportPrivateKey(pair).toString('hex')}\n`, { mode: 0o600, flag: 'wx', flush: true });
    linkSync(temporary, file);
    syncFolder(dirname(file));
    return pair;
  } catch (error) {
    const theirs = codeOf(error) === 'EEXIST' ? readKeyPair(file) : null;
    if (theirs) return theirs;
    throw new OnionKeyError(`The onion private key file ${file} cannot be created (${codeOf(error)})`, {
      cause: error,
    });
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** The name is on disk only once the folder is: clients may already use the key when the power fails. */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
