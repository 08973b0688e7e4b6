import { lchownSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Whose a new file is to be; null = whose the process is. */
export type Owner = Readonly<{ uid: number; gid: number }> | null;

/** What root makes is for the user of the server, whom the database belongs to, or the folder where it will be. */
export function ownerOf(path: string): Owner {
  if (process.geteuid?.() !== 0) return null;
  return statSync(path, { throwIfNoEntry: false }) ?? ownerOf(dirname(path));
}

/** Some file systems know no owners: it stays as it is there. */
export function giveTo(owner: Owner, path: string): void {
  if (owner === null) return;
  try {
    // A link that somebody put there is not followed.
    lchownSync(path, owner.uid, owner.gid);
  } catch {
    // Whoever runs this can still use it, and the message about rights tells others what to do.
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
