import { type Command, Option } from 'commander';
import { parseServerUrl } from '../arguments.js';
import { examples } from '../output.js';
import { type CheckOptions } from './check.action.js';

export function addCheckCommand(program: Command): void {
  program
    .command('check')
    .description(
      'check whether the server can work: configuration, keys, database, Redis, push services, network, alerts',
    )
    .option('--offline', 'ask neither push services nor the network nor the alert hook')
    .addOption(
      new Option('--full', 'also the public address and backups, and a checklist for an app of your own').conflicts(
        'offline',
      ),
    )
    .option('--url <url>', 'of --full: where apps reach the server, https://push.example.org', parseServerUrl)
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
Each configured push service is asked once to push nothing to a device that cannot exist. It must refuse that device and
nothing else: this shows that address, credential and project are right. It does not show that APNS_TOPIC is your app's.
ALERT_WEBHOOK_URL gets a test message. Nothing is changed. Exit code 1: something failed; warnings alone are 0.

--full asks the running server what it pushes through, by an onion request to its public address as apps make it, and says
for everything that an app of your own needs whether it is done, or what to do. Exit code 1 also when something is missing
without which no phone is woken.
${examples('check', 'check --offline --json', 'check --full --url https://push.example.org')}`,
    )
    .action(async (options: CheckOptions, self: Command) => {
      if (options.url !== undefined && !options.full) self.error('error: --url belongs to --full');
      await (await import('./check.action.js')).checkEverything(options);
    });
}
