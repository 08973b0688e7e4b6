import { type Command } from 'commander';
import { dirname, join } from 'node:path';
import { loadConfig } from '../../config/app-config.js';
import { takeBackup } from '../../database/backups/take-backup.js';
import { RestoreError, restoreBackup } from '../../database/backups/restore-backup.js';
import { CliError } from '../cli-error.js';
import { examples, print, printJson } from '../output.js';

interface BackupOptions {
  to?: string;
  json?: boolean;
}

export function addBackupCommands(program: Command): void {
  program
    .command('backup')
    .description('copy the SQLite database, while the server works or not')
    .option('--to <folder>', 'where to (default: BACKUP_DIRECTORY)')
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
The server takes copies by itself, see BACKUP_INTERVAL_HOURS. The key file is not part of them: keep a copy of that too.
${examples('backup', 'backup --to /mnt/copies')}`,
    )
    .action(async ({ to, json }: BackupOptions) => {
      const { backup } = loadConfig();
      const database = sqlitePath();
      const directory = to ?? backup?.directory ?? join(dirname(database), 'backups');
      const file = await takeBackup(database, directory);
      if (json) printJson({ file });
      else print(`Copied the database to ${file}.`);
    });

  program
    .command('restore')
    .description('put a copy in the place of the SQLite database; the server must be stopped')
    .argument('<file>', 'a copy that the server or `backup` made')
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
The former database is kept beside the new one. What was registered, removed or sent since the copy was made is not in it:
notifications that were waiting then are sent again.
${examples('restore data/backups/session-push-20261122T120000Z.sqlite')}`,
    )
    .action((file: string, { json }: { json?: boolean }) => {
      const kept = restore(file, sqlitePath());
      if (json) return printJson({ kept });
      print(`Restored ${file}.`);
      if (kept !== null) print(`The former database is kept as ${kept}; remove it when all is well.`);
    });
}

function restore(file: string, database: string): string | null {
  try {
    return restoreBackup(file, database);
  } catch (cause) {
    if (cause instanceof RestoreError) throw new CliError(cause.message, { cause });
    throw cause;
  }
}

function sqlitePath(): string {
  const { database } = loadConfig();
  if (database.kind === 'sqlite') return database.path;
  throw new CliError('This is for SQLite: back your database up with its own tools, see docs/operating.md.');
}
