import { type Command, InvalidArgumentError } from 'commander';
import { examples } from '../output.js';
import { type ExportCommandOptions, type ImportCommandOptions } from './v2.action.js';

const ADDRESS = 'postgres://user@host:5432/database';

export function addV2Commands(program: Command): void {
  program
    .command('import-v2')
    .description('bring the subscriptions of the existing (Postgres) push server over')
    .argument('<database>', ADDRESS, parseAddress)
    .option('--dry-run', 'do everything but keep nothing; the figures are those of the real run')
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
Both servers may run. The database is only read, as it is at one moment, by a user who may SELECT from \`subscriptions\` and
\`sub_namespaces\`. A password is better in PGPASSWORD or ~/.pgpass than on the command line, where others see it.

Every signature is checked: what /subscribe would refuse is skipped, and counted by the reason. What was signed last counts,
so the import can be repeated for what came meanwhile, and nothing of ours that is as new is replaced.

A server that runs beside it tells the network of imported subscriptions within an hour, or when it starts again.
${examples(`import-v2 postgres://spns@localhost/spns --dry-run`, `import-v2 postgres://spns@localhost/spns`)}`,
    )
    .action(async (address: string, options: ImportCommandOptions) =>
      (await import('./v2.action.js')).importDatabase(address, options),
    );

  program
    .command('export-v2')
    .description('write a database that the existing (Postgres) push server starts on: the way back')
    .argument('<database>', ADDRESS, parseAddress)
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
The tables are made when they are not there; they must be empty. Stop the server first, or what is subscribed meanwhile may
be missing; apps subscribe again by themselves within a week.
${examples('export-v2 postgres://spns@localhost/spns_new')}`,
    )
    .action(async (address: string, options: ExportCommandOptions) =>
      (await import('./v2.action.js')).exportDatabase(address, options),
    );
}

function parseAddress(text: string): string {
  if (URL.canParse(text) && ['postgres:', 'postgresql:'].includes(new URL(text).protocol)) return text;
  throw new InvalidArgumentError(`It must be ${ADDRESS}.`);
}
