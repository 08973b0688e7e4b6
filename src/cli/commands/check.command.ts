import { type Command } from 'commander';
import { examples } from '../output.js';
import { type CheckOptions } from './check.action.js';

export function addCheckCommand(program: Command): void {
  program
    .command('check')
    .description('look whether the server can work: configuration, key, database, Redis, credentials, push services')
    .option('--offline', 'do not ask the push services')
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
Each configured push service is asked once to push nothing to a device that cannot exist. It must refuse that device and
nothing else: this shows that address, credential and project are right. It does not show that APNS_TOPIC is your app's.
Nothing is changed. Exit code 1: something failed; warnings alone are 0.
${examples('check', 'check --offline --json')}`,
    )
    .action(async (options: CheckOptions) => (await import('./check.action.js')).checkEverything(options));
}
