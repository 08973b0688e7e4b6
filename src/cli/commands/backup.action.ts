import { dirname, join, resolve } from 'node:path';
import { loadConfig } from '../../config/app-config.js';
import { restoreBackup } from '../../database/backups/restore-backup.js';
import { takeBackup } from '../../database/backups/take-backup.js';
import { CliError } from '../cli-error.js';
import { print, printJson } from '../output.js';
import { ProgressBar } from '../progress-bar.js';

export interface BackupOptions {
  to?: string;
  json?: boolean;
}

export interface RestoreOptions {
  json?: boolean;
}

const start = (label: string, total: number) => new ProgressBar(label, total);

export async function backupDatabase({ to, json }: BackupOptions): Promise<void> {
  const { backup } = loadConfig();
  const database = sqlitePath();
  const directory = resolve(to ?? backup?.directory ?? join(dirname(database), 'backups'));
  const file = await untilBrokenOff((signal) => takeBackup(database, directory, { start, signal }));
  if (json) printJson({ file });
  else print(`Copied the database to ${file}.`);
}

export function restoreDatabase(given: string, { json }: RestoreOptions): void {
  const file = resolve(given);
  const kept = restoreBackup(file, sqlitePath(), { start });
  if (json) return printJson({ kept });
  print(`Restored ${file}.`);
  if (kept !== null) print(`The former database is kept as ${kept}; remove it when all is well.`);
}

/** The first Ctrl-C lets the work clear away what it began; a second one ends it at once. */
async function untilBrokenOff<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const breakingOff = new AbortController();
  const breakOff = (): void => breakingOff.abort();
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.once(signal, breakOff);
  try {
    return await work(breakingOff.signal);
  } finally {
    for (const signal of signals) process.off(signal, breakOff);
  }
}

function sqlitePath(): string {
  const { database } = loadConfig();
  if (database.kind === 'sqlite') return resolve(database.path);
  throw new CliError('This is for SQLite: back your database up with its own tools, see docs/operating.md.');
}
