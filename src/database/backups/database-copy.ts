import type Database from 'better-sqlite3';
import { closeSync, fsyncSync, openSync, rmSync } from 'node:fs';

/** How far a copy is, in bytes or pages. */
export interface CopyProgress {
  advance(by: number): void;
  finish(): void;
}

export type StartProgress = (label: string, total: number) => CopyProgress;

export const noProgress: StartProgress = () => ({ advance: () => undefined, finish: () => undefined });

/** What SQLite may put beside a database. */
export const COMPANIONS = ['-journal', '-wal', '-shm'];

/** Any version counts: the server migrates an older copy, and a newer one belongs to a newer server. */
export function isOurs(database: Database.Database): boolean {
  const tables = database.prepare("SELECT name FROM sqlite_master WHERE name IN ('devices', 'migrations')").all();
  return tables.length === 2;
}

/** A copy of a database in WAL mode could be read only where files can be made beside it. */
export function makeSelfContained(copy: Database.Database): void {
  // Without it there would be a file of shared memory, which some network file systems cannot have.
  copy.pragma('locking_mode = EXCLUSIVE');
  copy.pragma('journal_mode = DELETE');
}

export function removeDatabase(path: string): void {
  for (const suffix of ['', ...COMPANIONS]) rmSync(`${path}${suffix}`, { force: true });
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
