import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { CLI } from '../../config/cli-name.js';
import { whyUnreadable } from '../../config/unreadable.js';
import { decodeTextFile } from '../../encoding/text-file.js';

const KEY_BYTES = 32;

const ONE_KEY = `a key as 64 hexadecimal characters or ${KEY_BYTES} raw bytes`;

/** A file for a key, as messages call it. */
interface NamedFile {
  readonly path: string;
  /** Which variable names it. */
  readonly variable: string;
  /** As the operator knows the key, for messages. */
  readonly keyName: string;
}

/** A file that holds one key, of which a person may have saved a copy: 64 hexadecimal characters or 32 raw bytes. */
export interface KeyFile extends NamedFile {
  /** The key's 32 bytes in hexadecimal; null for any other text. */
  readonly decodeText: (text: string) => Buffer | null;
}

/** At least one. */
export type Keys = readonly [Buffer, ...Buffer[]];

/** A file that holds one such key, or several as text. */
export interface KeysFile extends NamedFile {
  /** Several keys as they are written, for messages. */
  readonly severalKeys: string;
  /** 32 bytes each; null for any other text. */
  readonly decodeText: (text: string) => Keys | null;
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
export const readKey = (file: KeyFile): Buffer | null => readAny(oneKey(file))?.[0] ?? null;

/** Null when the file does not exist. */
export const readKeys = (file: KeysFile): Keys | null => readAny(severalKeys(file));

type AnyFile = NamedFile & { readonly holds: string; readonly decodeText: (text: string) => Keys | null };

const oneKey = (file: KeyFile): AnyFile => ({
  ...file,
  holds: ONE_KEY,
  decodeText: (text) => {
    const key = file.decodeText(text);
    return key && [key];
  },
});

const severalKeys = (file: KeysFile): AnyFile => ({ ...file, holds: `${ONE_KEY}, or ${file.severalKeys}` });

function readAny(file: AnyFile): Keys | null {
  let content: Buffer;
  try {
    content = readFileSync(file.path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw new KeyFileError(`${called(file)} cannot be read: ${whyUnreadable(error)}`, { cause: error });
  }
  const keys: Keys | null = content.length === KEY_BYTES ? [content] : keysOfText(file, content);
  if (!keys || keys.some((key) => key.every((byte) => byte === 0)))
    throw new KeyFileError(`${called(file)} is not usable: it must hold ${file.holds}`);
  return keys;
}

function keysOfText({ decodeText }: AnyFile, content: Buffer): Keys | null {
  const decoded = decodeTextFile(content);
  return 'text' in decoded ? decodeText(decoded.text) : null;
}

const called = ({ keyName, path, variable }: NamedFile): string => `The ${keyName} file ${resolve(path)} (${variable})`;

/** Makes the file, readable by its owner alone, and returns the key that it holds: another process may have made it first. */
export const createKey = (file: KeyFile, key: Buffer): Buffer => createAny(oneKey(file), key)[0];

/** Likewise, with one key. */
export const createKeys = (file: KeysFile, key: Buffer): Keys => createAny(severalKeys(file), key);

function createAny(file: AnyFile, key: Buffer): Keys {
  try {
    createKeyFile(file, `${key.toString('hex')}\n`);
    return [key];
  } catch (error) {
    const theirs = error instanceof KeyFileError && codeOf(error.cause) === 'EEXIST' ? readAny(file) : null;
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
export function createKeyFile(file: NamedFile, content: string): void {
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
 * Replaces a file that holds a key, for the same owner and with the same rights: it has the old content or the new one, even
 * after a crash. Behind a symbolic link the file itself is replaced.
 */
export function replaceKeyFile(file: NamedFile, content: string): void {
  let temporary: string | null = null;
  try {
    const path = realpathSync(file.path);
    const { uid, gid, mode } = statSync(path);
    temporary = `${path}.${randomUUID()}.tmp`;
    writeFileSync(temporary, content, { mode: 0o600, flag: 'wx' });
    const made = statSync(temporary);
    // It takes rights that are seldom there, and is seldom needed.
    if (made.uid !== uid || made.gid !== gid) chownSync(temporary, uid, gid);
    chmodSync(temporary, mode);
    sync(temporary);
    renameSync(temporary, path);
    sync(dirname(path));
  } catch (error) {
    throw new KeyFileError(`${called(file)} cannot be replaced (${codeOf(error)})`, { cause: error });
  } finally {
    if (temporary !== null) rmSync(temporary, { force: true });
  }
}

/**
 * The name is on disk only once the folder is, and so is that of a new folder: the key may already be in use when the power
 * fails.
 *
 * @param made the outermost folder that was made for it
 */
function syncFolders(folder: string, made: string | undefined): void {
  sync(folder);
  if (made !== undefined && resolve(folder).startsWith(resolve(made))) syncFolders(dirname(resolve(folder)), made);
}

function sync(path: string): void {
  const descriptor = openSync(path, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
