import { lchownSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** The user and group that a new file is given to; null = those of the process. */
export type Owner = Readonly<{ uid: number; gid: number }> | null;

/** A file that root makes is given to the owner of the database, or of the folder that will hold it. */
export function ownerOf(path: string): Owner {
  if (process.geteuid?.() !== 0) return null;
  return statSync(path, { throwIfNoEntry: false }) ?? ownerOf(dirname(path));
}

/** Changes the owner where the file system has owners. */
export function giveTo(owner: Owner, path: string): void {
  if (owner === null) return;
  try {
    // A link that somebody put there is not followed.
    lchownSync(path, owner.uid, owner.gid);
  } catch {
    // The file stays root's; opening it as another user fails with a sentence about rights.
  }
}

/**
 * Makes a folder and those above it, for their owner alone. Node's own `recursive` never returns where a folder can be
 * looked at but not made, as below `/proc`.
 */
export function makeFolder(folder: string, owner: Owner): void {
  if (statSync(folder, { throwIfNoEntry: false })) return;
  makeFolder(dirname(folder), owner);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return;
    throw error;
  }
  giveTo(owner, folder);
}
