import { type Command } from 'commander';
import { examples } from '../output.js';
import { type MigrateOptions } from './migrate.action.js';

export function addMigrateCommand(program: Command): void {
  program
    .command('migrate')
    .description('make the database, or bring its schema up to this version; the server does the same at start')
    .option('--dry-run', 'only tell what would be done')
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
Stop the server of the older version first. With DATA_KEY_FILE it also seals what is not sealed yet, and makes the key file
when there is none: keep a copy of it in a safe place.
${examples('migrate --dry-run', 'migrate')}`,
    )
    .action(async (options: MigrateOptions) => (await import('./migrate.action.js')).migrateDatabase(options));
}
