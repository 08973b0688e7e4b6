import { readdirSync, rmSync, statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { DAY_MS } from '../../config/durations.js';
import { COMPANIONS } from './database-copy.js';

const STAMP = /^\d{8}T\d{6}Z$/;
const TEMPORARY = '.tmp';
/** Nothing that is still being written lies untouched for so long. */
const ABANDONED_MS = DAY_MS;

/** A finished copy of a database. */
export interface BackupFile {
  path: string;
  /** UTC epoch milliseconds of when it was begun. */
  takenAt: number;
}

/** `push.sqlite` at noon of 22 November 2026 is `push-20261122T120000Z.sqlite`. */
export function backupName(database: string, takenAt: number): string {
  const extension = extname(database);
  const stamp = new Date(takenAt).toISOString().replace(/\.\d+|[-:]/g, '');
  return `${basename(database, extension)}-${stamp}${extension}`;
}

export const temporaryName = (file: string): string => `${file}${TEMPORARY}`;

/** Finished copies of this database, newest first. Other files in the folder are ignored. */
export function listBackups(database: string, directory: string): BackupFile[] {
  return entriesOf(directory)
    .flatMap((name) => {
      const takenAt = takenAtOf(database, name);
      return takenAt === null ? [] : [{ path: join(directory, name), takenAt }];
    })
    .toSorted((a, b) => b.takenAt - a.takenAt);
}

/** Removes all but the newest `keep` copies, and what a crash left unfinished a day ago or earlier. */
export function pruneBackups(database: string, directory: string, keep: number, now = Date.now()): void {
  for (const { path } of listBackups(database, directory).slice(keep)) rmSync(path, { force: true });
  for (const name of entriesOf(directory)) {
    if (!isUnfinished(database, name)) continue;
    const path = join(directory, name);
    // A backup that another process is taking is not ours to remove.
    const changedAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? now;
    if (now - changedAt >= ABANDONED_MS) rmSync(path, { force: true });
  }
}

function isUnfinished(database: string, name: string): boolean {
  return ['', ...COMPANIONS].some((suffix) => {
    const end = `${TEMPORARY}${suffix}`;
    return name.endsWith(end) && takenAtOf(database, name.slice(0, -end.length)) !== null;
  });
}

function takenAtOf(database: string, name: string): number | null {
  const extension = extname(database);
  const prefix = `${basename(database, extension)}-`;
  if (!name.startsWith(prefix) || !name.endsWith(extension)) return null;
  const stamp = name.slice(prefix.length, name.length - extension.length);
  if (!STAMP.test(stamp)) return null;
  const time = Date.parse(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  return Number.isNaN(time) ? null : time;
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
