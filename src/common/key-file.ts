import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

const KEY_BYTES = 32;

/** A file that holds one key: 64 hexadecimal characters or 32 raw bytes. */
export interface KeyFile {
  readonly path: string;
  /** As the operator knows the key, for messages. */
  readonly keyName: string;
  /** The key's 32 bytes in hexadecimal; null for any other text. */
  readonly decodeText: (text: string) => Buffer | null;
}

/** The key file cannot serve. The message is for the operator; it names the file, never a byte of it. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
}

/** Null when the file does not exist. */
export function readKey({ path, keyName, decodeText }: KeyFile): Buffer | null {
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw new KeyFileError(`The ${keyName} file ${path} cannot be read (${codeOf(error)})`, { cause: error });
  }
  const key = content.length === KEY_BYTES ? content : decodeText(content.toString('latin1'));
  if (!key || key.every((byte) => byte === 0))
    throw new KeyFileError(
      `The ${keyName} file ${path} is not usable: it must hold a key as 64 hexadecimal characters or ${KEY_BYTES} raw bytes`,
    );
  return key;
}

/**
 * Makes the file, readable by its owner alone, and returns the key that it holds.
 *
 * It is written beside its place first and then linked into it: the file is complete or absent even after a crash, and of
 * two processes that start together one makes the key and both use it.
 */
export function createKey(file: KeyFile, key: Buffer): Buffer {
  const { path, keyName } = file;
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const made = mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, `${key.toString('hex')}\n`, { mode: 0o600, flag: 'wx', flush: true });
    linkSync(temporary, path);
    syncFolders(dirname(path), made);
    return key;
  } catch (error) {
    const theirs = codeOf(error) === 'EEXIST' ? readKey(file) : null;
    if (theirs) return theirs;
    throw new KeyFileError(`The ${keyName} file ${path} cannot be created (${codeOf(error)})`, { cause: error });
  } finally {
    rmSync(temporary, { force: true });
  }
}

/**
 * The name is on disk only once the folder is, and so is that of a new folder: the key may already be in use when the power
 * fails.
 *
 * @param made the outermost folder that was made for it
 */
function syncFolders(folder: string, made: string | undefined): void {
  const descriptor = openSync(folder, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
  if (made !== undefined && resolve(folder).startsWith(resolve(made))) syncFolders(dirname(resolve(folder)), made);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
