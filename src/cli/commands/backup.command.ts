import { type Command } from 'commander';
import { examples } from '../output.js';
import { type BackupOptions, type RestoreOptions } from './backup.action.js';

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
    .action(async (options: BackupOptions) => {
      const { backupDatabase } = await import('./backup.action.js');
      await backupDatabase(options);
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
    .action(async (file: string, options: RestoreOptions) => {
      const { restoreDatabase } = await import('./backup.action.js');
      restoreDatabase(file, options);
    });
}
