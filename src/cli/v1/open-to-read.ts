import Database from 'better-sqlite3';
import { closeSync, copyFileSync, existsSync, fstatSync, mkdtempSync, openSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatCount } from '../output.js';
import { CliError } from '../cli-error.js';

/** What SQLite keeps beside a database while somebody writes; what was killed leaves it there. */
const COMPANIONS = ['-journal', '-wal'];

/**
 * Opens another program's database for reading and touches neither it nor what lies beside it. When its writer was killed in
 * the middle of a write, SQLite has to put it right before anybody can read it: that is done on a copy.
 *
 * @throws CliError with what to do
 */
export function openToRead(path: string): Database.Database {
  requireReadableFile(path);
  // Reading through a write-ahead log would make a file beside it.
  if (existsSync(`${path}-wal`)) return openCopy(path);
  try {
    return openAndRead(path, { readonly: true });
  } catch (cause) {
    if (needsWriting(cause)) return openCopy(path);
    throw new CliError(unreadable(path, codeOf(cause)), { cause });
  }
}

/** Why a file cannot be read, by the code of the system or of SQLite. */
export function unreadable(path: string, code: string | undefined): string {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return `There is no file ${path}.`;
    case 'EACCES':
    case 'EPERM':
      return `Access to ${path} is denied: run this as a user who may read it, or on a copy that this user owns.`;
    case 'SQLITE_BUSY':
      return `${path} is locked: stop the original server, or whatever else writes to it, and try again.`;
    case 'SQLITE_IOERR_SHORT_READ':
    case 'SQLITE_CORRUPT':
      return `${path} is damaged: take a backup of it, or what \`sqlite3 ${path} .recover\` makes of it.`;
    case undefined:
    default:
      return `${path} is not a SQLite database that can be read.`;
  }
}

function requireReadableFile(path: string): void {
  try {
    const file = openSync(path, 'r');
    const isFile = fstatSync(file).isFile();
    closeSync(file);
    if (isFile) return;
  } catch (cause) {
    throw new CliError(unreadable(path, codeOf(cause)), { cause });
  }
  throw new CliError(`${path} is not a file.`);
}

function openAndRead(path: string, options?: Database.Options): Database.Database {
  const database = new Database(path, options);
  try {
    database.pragma('schema_version');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** The copy has no name any more when it is read, so that nothing of it stays wherever the command breaks off. */
function openCopy(path: string): Database.Database {
  const folder = makeCopy(path);
  try {
    const database = openAndRead(copyIn(folder));
    database.pragma('journal_mode = DELETE');
    return database;
  } catch (cause) {
    throw new CliError(unreadable(path, codeOf(cause)), { cause });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** In a new folder that is for this user alone. */
function makeCopy(path: string): string {
  let folder: string | undefined;
  try {
    folder = mkdtempSync(join(tmpdir(), 'session-push-'));
    for (const companion of ['', ...COMPANIONS]) {
      if (existsSync(path + companion)) copyFileSync(path + companion, copyIn(folder) + companion);
    }
    return folder;
  } catch (cause) {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    throw new CliError(
      `${path} was left in the middle of a write, and the copy on which that is put right cannot be made in ` +
        `${tmpdir()} (${codeOf(cause) ?? 'no reason given'}). Set TMPDIR to a folder of this user with ` +
        `${formatCount(megabytes(path))} MB free, and see that this user may read the files beside it ` +
        `(${COMPANIONS.join(', ')}).`,
      { cause },
    );
  }
}

const copyIn = (folder: string): string => join(folder, 'v1.db');

/** The database and as much again for what lies beside it. */
const megabytes = (path: string): number => Math.ceil((2 * statSync(path).size) / 1e6) + 1;

/** There is a journal to roll back, or a write-ahead log to make. */
const needsWriting = (error: unknown): boolean => /^SQLITE_(READONLY|CANTOPEN)/.test(codeOf(error) ?? '');

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
