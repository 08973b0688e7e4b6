import Database from 'better-sqlite3';
import { copyFileSync, chmodSync, constants, existsSync, linkSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { backupName } from './backup-files.js';
import { sync } from './take-backup.js';

/** The copy cannot be put back. The message is for the operator. */
export class RestoreError extends Error {
  override readonly name = 'RestoreError';
}

/**
 * Puts a copy in the place of the database and returns where the former database is kept; null = there was none. At
 * every moment there is a whole database in its place.
 *
 * @throws RestoreError when the copy is not a whole database of ours, or a server uses the database
 */
export function restoreBackup(backup: string, database: string, now = Date.now()): string | null {
  checkBackup(backup);
  mkdirSync(dirname(database), { recursive: true, mode: 0o700 });
  const lock = lockDatabase(database);
  const incoming = `${database}.restoring`;
  try {
    rmSync(incoming, { force: true });
    copyFileSync(backup, incoming, constants.COPYFILE_EXCL);
    chmodSync(incoming, 0o600);
    sync(incoming);
    const kept = existsSync(database) ? keepFormer(database, now) : null;
    renameSync(incoming, database);
    sync(dirname(database));
    return kept;
  } finally {
    rmSync(incoming, { force: true });
    lock.close();
  }
}

function checkBackup(backup: string): void {
  if (!existsSync(backup)) throw new RestoreError(`There is no file ${backup}.`);
  let problem: string | null;
  try {
    problem = findProblem(backup);
  } catch (cause) {
    throw new RestoreError(`${backup} is no SQLite database, or not a whole one.`, { cause });
  }
  if (problem !== null) throw new RestoreError(`${backup} ${problem}.`);
}

function findProblem(backup: string): string | null {
  const copy = new Database(backup, { readonly: true, fileMustExist: true });
  try {
    if (copy.pragma('integrity_check', { simple: true }) !== 'ok') return 'is damaged';
    const tables = copy.prepare("SELECT name FROM sqlite_master WHERE name IN ('devices', 'migrations')").all();
    return tables.length === 2 ? null : 'is not a database of this server';
  } finally {
    copy.close();
  }
}

/** The lock that a running server holds. */
function lockDatabase(database: string): Database.Database {
  const lock = new Database(`${database}.lock`, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (cause) {
    lock.close();
    throw new RestoreError(`A server uses ${database}. Stop it first.`, { cause });
  }
}

/** Under a second name, so that the first always leads to a whole database. */
function keepFormer(database: string, now: number): string {
  const kept = `${database}.before-restore-${backupName('', now).slice(1)}`;
  try {
    // What is in the write-ahead log belongs to the former database and must not meet the new one.
    const former = new Database(database);
    former.pragma('wal_checkpoint(TRUNCATE)');
    former.close();
  } catch {
    // It is damaged, which may be why it is replaced: it is kept as it is.
  }
  linkSync(database, kept);
  if (existsSync(`${database}-wal`)) renameSync(`${database}-wal`, `${kept}-wal`);
  rmSync(`${database}-shm`, { force: true });
  return kept;
}
