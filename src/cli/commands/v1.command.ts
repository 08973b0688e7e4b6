import { type Command, Option } from 'commander';
import { examples } from '../output.js';
import { type ExportCommandOptions, type ImportCommandOptions } from './v1.action.js';

export function addV1Commands(program: Command): void {
  program
    .command('import-v1')
    .description("bring the original (Python) server's database over")
    .argument('<file>', 'its session_pn_server.db, or a copy')
    .option('--dry-run', 'do everything but keep nothing; the figures are those of the real run')
    .addOption(
      new Option('--on-conflict <choice>', 'a token that the file has on two ids')
        .choices(['newest', 'skip'])
        .default('newest'),
    )
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
The file is only read. Stop the original server first: it writes registrations down minutes after it took them, and loses
them when it finds its file locked. Our own server may run, but answers slowly meanwhile.

A token or group member that our database has already stays as it is there: it is newer than the file. So the import can
be repeated, and goes on where it broke off.

--on-conflict: the original left a token that moved to another id on both of them. "newest" takes the row with the highest
rowid: ids that change are written at the end of the table, so it is most likely where the token moved to. "skip" takes
neither, and these phones get nothing until their app registers again.

Imported devices count as registered now, because the file knows no times.
${examples('import-v1 /var/lib/old/session_pn_server.db --dry-run', 'import-v1 /var/lib/old/session_pn_server.db')}`,
    )
    .action(async (path: string, options: ImportCommandOptions) =>
      (await import('./v1.action.js')).importFile(path, options),
    );

  program
    .command('export-v1')
    .description('write a database that the original (Python) server starts on: the way back')
    .argument('<file>', 'the file to make; one that exists is not overwritten')
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
Stop the server first, or what registers meanwhile may be missing.
${examples('export-v1 /var/lib/old/session_pn_server.db')}`,
    )
    .action(async (path: string, options: ExportCommandOptions) =>
      (await import('./v1.action.js')).exportFile(path, options),
    );
}
