import Database from 'better-sqlite3';
import { closeSync, openSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CLI } from '../../config/cli-name.js';
import { flushPath } from '../flush-path.js';
import { backupName, temporaryName } from './backup-files.js';
import { copyDatabase } from './copy-database.js';
import { isOurs, makeSelfContained, removeDatabase, type StartProgress, noProgress } from './database-copy.js';
import { giveTo, makeFolder, ownerOf } from './file-owner.js';
import { fileProblem } from './file-problem.js';

/** There is no copy. The message is for the operator. */
class BackupError extends Error {
  override readonly name = 'BackupError';

  constructor(
    message: string,
    /** That of the operating system, when it is the reason. */
    readonly code?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface BackupOptions {
  now?: number;
  /** Is told of the pages that are copied. */
  start?: StartProgress;
  /** Breaks the copy off, of which nothing is left then. */
  signal?: AbortSignal;
}

/**
 * Copies a database that is in use and returns the copy's path. A file of that name is complete and on disk.
 *
 * The copy is that of one moment: it is read within one transaction, which in WAL mode neither stops writers nor sees
 * them, of whatever process they are. It is made in a process of its own and holds nothing of rows that are gone.
 *
 * @throws BackupError when there is no database of ours, the folder cannot be used, or the copy is broken off
 */
export async function takeBackup(database: string, directory: string, options: BackupOptions = {}): Promise<string> {
  const source = lookAt(database);
  try {
    return await copyInto(directory, backupName(database, options.now ?? Date.now()), source, options);
  } catch (cause) {
    const problem = fileProblem(cause);
    if (!problem) throw cause;
    const { code, meaning } = problem;
    const advice = 'Give another folder, with --to or BACKUP_DIRECTORY, or the right to write there.';
    throw new BackupError(`No copy can be made in ${directory}: ${meaning}. ${advice}`, code, { cause });
  }
}

interface Source {
  readonly path: string;
  readonly pages: number;
  readonly pageBytes: number;
}

/** Reads the size of the database and makes no file. */
function lookAt(path: string): Source {
  requireFile(path);
  const database = new Database(path, { readonly: true, fileMustExist: true });
  const numberOf = (pragma: string): number => Number(database.pragma(pragma, { simple: true }));
  try {
    if (isOurs(database)) return { path, pages: numberOf('page_count'), pageBytes: numberOf('page_size') };
    throw new BackupError(`${path} is not a database of this server. Check DATABASE_URL.`);
  } finally {
    database.close();
  }
}

function requireFile(path: string): void {
  let isFile: boolean | undefined;
  try {
    isFile = statSync(path, { throwIfNoEntry: false })?.isFile();
  } catch (cause) {
    throw new BackupError(`${path} cannot be looked at. Check the rights on its folder.`, undefined, { cause });
  }
  if (isFile === undefined) throw new BackupError(`There is no database at ${path}. To make it: ${CLI} migrate`);
  if (!isFile) throw new BackupError(`${path} is no file, so no database. Check DATABASE_URL.`);
}

async function copyInto(directory: string, name: string, source: Source, options: BackupOptions): Promise<string> {
  const owner = ownerOf(source.path);
  makeFolder(directory, owner);
  const file = join(directory, name);
  const temporary = temporaryName(file);
  makeEmpty(temporary);
  try {
    giveTo(owner, temporary);
    await copyPages(source, temporary, options);
    closeCopy(temporary);
    await flushPath(temporary);
    renameSync(temporary, file);
    await flushPath(directory);
    return file;
  } finally {
    removeDatabase(temporary);
  }
}

/** Two backups of one second would write into one file. */
function makeEmpty(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (cause) {
    const problem = fileProblem(cause);
    if (problem?.code !== 'EEXIST') throw cause;
    throw new BackupError(`Another backup writes ${file} just now. Try again in a moment.`, problem.code, { cause });
  }
}

/** What is copied is told in pages of the source, of which the copy may have less. */
async function copyPages(
  { path, pages, pageBytes }: Source,
  target: string,
  { start = noProgress, signal }: BackupOptions,
): Promise<void> {
  const progress = start('Copying', pages);
  let copied = 0;
  const advanceTo = (now: number): void => {
    progress.advance(now - copied);
    copied = now;
  };
  try {
    const onBytes = (bytes: number): void => advanceTo(Math.min(pages, Math.floor(bytes / pageBytes)));
    const isComplete = await copyDatabase(path, target, { signal, onBytes });
    if (!isComplete) throw new BackupError('The backup was broken off. Nothing is left of it.');
    advanceTo(pages);
  } finally {
    progress.finish();
  }
}

function closeCopy(file: string): void {
  const copy = new Database(file);
  try {
    makeSelfContained(copy);
  } finally {
    copy.close();
  }
}
