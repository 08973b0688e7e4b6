import Database from 'better-sqlite3';
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { backupName, temporaryName } from './backup-files.js';

/** About 2 ms of copying, after which the event loop gets its turn. */
const PAGES_PER_STEP = 256;

/**
 * Copies a database that is in use and returns the copy's path. A file of that name is complete and on disk.
 *
 * The copy is that of one moment: it is read within one transaction, which in WAL mode neither stops writers nor sees
 * them, of whatever process they are.
 */
export async function takeBackup(database: string, directory: string, now = Date.now()): Promise<string> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, backupName(database, now));
  const temporary = temporaryName(file);
  try {
    closeSync(openSync(temporary, 'w', 0o600));
    await copy(database, temporary);
    sync(temporary);
    renameSync(temporary, file);
    sync(directory);
    return file;
  } finally {
    rmSync(temporary, { force: true });
  }
}

async function copy(database: string, target: string): Promise<void> {
  const source = new Database(database, { readonly: true, fileMustExist: true });
  try {
    source.exec('BEGIN');
    // The transaction begins with its first read.
    source.prepare('SELECT COUNT(*) FROM sqlite_master').get();
    await source.backup(target, { progress: () => PAGES_PER_STEP });
  } finally {
    source.close();
  }
}

/** Waits until a file's content, or a folder's names, are on disk. */
export function sync(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
