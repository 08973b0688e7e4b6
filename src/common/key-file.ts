import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { CLI } from '../config/cli-name.js';
import { whyUnreadable } from '../config/unreadable.js';
import { decodeTextFile } from '../encoding/text-file.js';

const KEY_BYTES = 32;

/** A file that holds one key, of which a person may have saved a copy: 64 hexadecimal characters or 32 raw bytes. */
export interface KeyFile {
  readonly path: string;
  /** Which variable names it. */
  readonly variable: string;
  /** As the operator knows the key, for messages. */
  readonly keyName: string;
  /** The key's 32 bytes in hexadecimal; null for any other text. */
  readonly decodeText: (text: string) => Buffer | null;
}

/** The key file cannot serve. The message is for the operator; it names the file, never a byte of it. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
}

/** What is known about the place of a key, to tell a first start from a file that is missing. */
export interface KeyPlace {
  /** The operator named the file, which is then somewhere; false = the variable has its default. */
  readonly isNamed: boolean;
  /** Whether somebody depends on the key already. */
  readonly isInUse: () => Promise<boolean>;
}

/** Null when the file does not exist. */
export function readKey(file: KeyFile): Buffer | null {
  let content: Buffer;
  try {
    content = readFileSync(file.path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw new KeyFileError(`${called(file)} cannot be read: ${whyUnreadable(error)}`, { cause: error });
  }
  const key = content.length === KEY_BYTES ? content : keyOfText(file, content);
  if (!key || key.every((byte) => byte === 0))
    throw new KeyFileError(
      `${called(file)} is not usable: it must hold a key as 64 hexadecimal characters or ${KEY_BYTES} raw bytes`,
    );
  return key;
}

function keyOfText({ decodeText }: KeyFile, content: Buffer): Buffer | null {
  const decoded = decodeTextFile(content);
  return 'text' in decoded ? decodeText(decoded.text) : null;
}

const called = ({ keyName, path, variable }: Omit<KeyFile, 'decodeText'>): string =>
  `The ${keyName} file ${resolve(path)} (${variable})`;

/** Makes the file, readable by its owner alone, and returns the key that it holds: another process may have made it first. */
export function createKey(file: KeyFile, key: Buffer): Buffer {
  try {
    createKeyFile(file, `${key.toString('hex')}\n`);
    return key;
  } catch (error) {
    const theirs = error instanceof KeyFileError && codeOf(error.cause) === 'EEXIST' ? readKey(file) : null;
    if (theirs) return theirs;
    throw error;
  }
}

/**
 * A new key in the place of one that is mistyped, not mounted or lost would cut off everybody who depends on the old one, and
 * nothing would tell.
 *
 * @throws KeyFileError with what to do, when a key may not simply be made
 */
export async function requireFirstKey(file: KeyFile, place: KeyPlace): Promise<void> {
  const absent = `The ${file.keyName} file ${resolve(file.path)} does not exist`;
  if (await place.isInUse())
    throw new KeyFileError(
      `${absent}, and the database holds registrations that depend on its key: put the file back, or let ${file.variable} name it`,
    );
  if (place.isNamed)
    throw new KeyFileError(
      `${absent}: correct ${file.variable}, or make the key with ${CLI} keygen --file ${resolve(file.path)}`,
    );
}

/**
 * Makes a file that holds a key, readable by its owner alone. One that exists stays as it is.
 *
 * It is written beside its place first and then linked into it: the file is complete or absent even after a crash, and of
 * two processes that start together one makes the key.
 *
 * @throws {KeyFileError} also when the file exists
 */
export function createKeyFile(file: Omit<KeyFile, 'decodeText'>, content: string): void {
  const { path } = file;
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const made = mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, content, { mode: 0o600, flag: 'wx', flush: true });
    linkSync(temporary, path);
    syncFolders(dirname(path), made);
  } catch (error) {
    throw new KeyFileError(`${called(file)} cannot be created (${codeOf(error)})`, { cause: error });
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
