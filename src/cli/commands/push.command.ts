import { type Command, Option } from 'commander';
import { PROVIDERS } from '../../providers/push-transport.js';
import { examples } from '../output.js';
import { type PushOptions } from './push.action.js';

export function addPushCommand(program: Command): void {
  program
    .command('push')
    .description('send one push without content to a device of your own, and tell what its provider says')
    .addOption(
      new Option('--provider <name>', 'the push service of the device').choices(PROVIDERS).makeOptionMandatory(),
    )
    .option(
      '--token <token>',
      'its device token; of Web Push the subscription as JSON; - = read it from standard input',
      '-',
    )
    .addHelpText(
      'after',
      `
The phone shows the app's generic notice. Nothing is stored, and neither the server nor its database is needed.
A token belongs on standard input: every user of this machine can read the command line.
${examples('push --provider apns < token.txt', 'push --provider webpush < subscription.json')}`,
    )
    .action(async (options: PushOptions) => (await import('./push.action.js')).pushOnce(options));
}
