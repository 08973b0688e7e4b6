import Database from 'better-sqlite3';
import { closeSync, existsSync, linkSync, openSync, readSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { backupName } from './backup-files.js';
import { isOurs, makeSelfContained, removeDatabase, type StartProgress, sync, noProgress } from './database-copy.js';
import { giveTo, makeFolder, type Owner, ownerOf } from './file-owner.js';
import { fileProblem } from './file-problem.js';
import { lockFileOf } from '../lock-file.js';

const FIRST_BYTES = 'SQLite format 3\0';
const CHUNK_BYTES = 1024 * 1024;

/** The copy cannot be put back. The message is for the operator. */
class RestoreError extends Error {
  override readonly name = 'RestoreError';
}

export interface RestoreOptions {
  now?: number;
  /** Is told of the bytes that are copied, and of the check that follows. */
  start?: StartProgress;
}

/**
 * Puts a copy in the place of the database and returns where the former database is kept; null = there was none. At
 * every moment there is a whole database in its place. The copy may be on a medium that cannot be written.
 *
 * @throws RestoreError when the copy is not a whole database of ours, or a server uses the database
 */
export function restoreBackup(backup: string, database: string, options: RestoreOptions = {}): string | null {
  try {
    requireSqliteFile(backup);
    return replace(database, backup, options);
  } catch (cause) {
    const problem = fileProblem(cause);
    if (!problem) throw cause;
    const path = cause instanceof Error && 'path' in cause ? String(cause.path) : database;
    throw new RestoreError(`Cannot restore ${backup} to ${database}: ${path}: ${problem.meaning}.`, { cause });
  }
}

/** Before anything is made. */
function requireSqliteFile(path: string): void {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) throw new RestoreError(`There is no file ${path}.`);
  const start = Buffer.alloc(FIRST_BYTES.length);
  const file = openSync(path, 'r');
  try {
    readSync(file, start);
  } finally {
    closeSync(file);
  }
  if (start.toString('latin1') !== FIRST_BYTES) throw new RestoreError(`${path} is no SQLite database.`);
}

function replace(
  database: string,
  backup: string,
  { now = Date.now(), start = noProgress }: RestoreOptions,
): string | null {
  const owner = ownerOf(database);
  makeFolder(dirname(database), owner);
  const lock = lockDatabase(database, owner);
  const incoming = `${database}.restoring`;
  try {
    removeDatabase(incoming);
    copyBytes(backup, incoming, start);
    giveTo(owner, incoming);
    checkCopy(incoming, backup, start);
    sync(incoming);
    const kept = existsSync(database) ? keepFormer(database, now) : null;
    renameSync(incoming, database);
    sync(dirname(database));
    return kept;
  } finally {
    removeDatabase(incoming);
    lock.close();
  }
}

function copyBytes(from: string, to: string, start: StartProgress): void {
  const source = openSync(from, 'r');
  const progress = start('Copying', statSync(from).size);
  try {
    const target = openSync(to, 'wx', 0o600);
    try {
      const chunk = Buffer.alloc(CHUNK_BYTES);
      for (let bytes: number; (bytes = readSync(source, chunk)) > 0; progress.advance(bytes)) {
        for (let written = 0; written < bytes;) written += writeSync(target, chunk, written, bytes - written);
      }
    } finally {
      closeSync(target);
    }
  } finally {
    progress.finish();
    closeSync(source);
  }
}

/** Reads the whole copy, and not the backup itself, beside which nothing may be made. */
function checkCopy(copy: string, backup: string, start: StartProgress): void {
  const progress = start('Checking', 1);
  progress.advance(0);
  try {
    const problem = findProblem(copy);
    if (problem !== null) throw new RestoreError(`${backup} ${problem}.`);
    progress.advance(1);
  } catch (cause) {
    if (!isDamage(cause)) throw cause;
    throw new RestoreError(`${backup} is no SQLite database, or not a whole one.`, { cause });
  } finally {
    progress.finish();
  }
}

function findProblem(path: string): string | null {
  const copy = new Database(path, { fileMustExist: true });
  try {
    // Copies of earlier versions are in WAL mode.
    makeSelfContained(copy);
    if (copy.pragma('integrity_check', { simple: true }) !== 'ok') return 'is damaged';
    return isOurs(copy) ? null : 'is not a database of this server';
  } finally {
    copy.close();
  }
}

const isDamage = (error: unknown): boolean =>
  error instanceof Database.SqliteError && /^SQLITE_(NOTADB|CORRUPT)/.test(error.code);

/** The lock that a running server holds, and must be able to take after us. */
function lockDatabase(database: string, owner: Owner): Database.Database {
  const path = lockFileOf(database);
  const lock = new Database(path, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    giveTo(owner, path);
    return lock;
  } catch (cause) {
    lock.close();
    const isBusy = cause instanceof Database.SqliteError && cause.code.startsWith('SQLITE_BUSY');
    if (!isBusy) throw cause;
    throw new RestoreError(`A server uses ${database}. Stop it first.`, { cause });
  }
}

/** Under a second name, so that the first always leads to a whole database. */
function keepFormer(database: string, now: number): string {
  try {
    // What is in the write-ahead log belongs to the former database and must not meet the new one.
    const former = new Database(database);
    former.pragma('wal_checkpoint(TRUNCATE)');
    former.close();
  } catch {
    // It is damaged, which may be why it is replaced: it is kept as it is.
  }
  const kept = linkUnderFreeName(database, `${database}.before-restore-${backupName('', now).slice(1)}`);
  if (existsSync(`${database}-wal`)) renameSync(`${database}-wal`, `${kept}-wal`);
  rmSync(`${database}-shm`, { force: true });
  return kept;
}

/** There may have been another restore within the same second. */
function linkUnderFreeName(file: string, name: string): string {
  for (let number = 1; ; number++) {
    const free = number === 1 ? name : `${name}-${number}`;
    try {
      linkSync(file, free);
      return free;
    } catch (error) {
      if (fileProblem(error)?.code !== 'EEXIST') throw error;
    }
  }
}
