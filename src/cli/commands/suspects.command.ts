import { type Command, Option } from 'commander';
import { PROVIDERS } from '../../providers/push-transport.js';
import { examples } from '../output.js';
import { type SuspectsOptions } from './suspects.action.js';

export function addSuspectsCommands(program: Command): void {
  const suspects = program
    .command('suspects')
    .description('tokens that were called dead while removal was paused, because their provider called too many dead');

  withOptions(suspects.command('list'))
    .description('how many there are, per provider and reason')
    .addHelpText('after', examples('suspects list', 'suspects list --provider fcm --json'))
    .action(async (options: SuspectsOptions) => (await import('./suspects.action.js')).listSuspects(options));

  withOptions(suspects.command('release'))
    .description('clear the suspicion and keep the devices: the provider or our settings were wrong')
    .addHelpText('after', examples('suspects release --provider apns'))
    .action(async (options: SuspectsOptions) => (await import('./suspects.action.js')).releaseSuspects(options));

  withOptions(suspects.command('discard'))
    .description('remove the devices: they are really dead')
    .addHelpText('after', `\nDevices that registered again since stay.\n${examples('suspects discard --provider fcm')}`)
    .action(async (options: SuspectsOptions) => (await import('./suspects.action.js')).discardSuspects(options));
}

function withOptions(command: Command): Command {
  return command
    .addOption(new Option('--provider <name>', 'only of this provider').choices(PROVIDERS))
    .option('--json', 'for programs');
}
