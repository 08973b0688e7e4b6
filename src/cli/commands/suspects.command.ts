import { type Command, Option } from 'commander';
import { SuspectTokensService } from '../../devices/suspect-tokens.service.js';
import { type Provider, PROVIDERS } from '../../notifications/transports/push-transport.js';
import { examples, formatCount, formatTable, print, printJson } from '../output.js';
import { retryWhenBusy, withDatabase } from '../with-database.js';

interface SuspectsOptions {
  provider?: Provider;
  json?: boolean;
}

export function addSuspectsCommands(program: Command): void {
  const suspects = program
    .command('suspects')
    .description('tokens that a provider called dead while it called too many dead, so that they were kept');

  withOptions(suspects.command('list'))
    .description('how many there are, per provider and reason')
    .addHelpText('after', examples('suspects list', 'suspects list --provider fcm --json'))
    .action(({ provider, json }: SuspectsOptions) =>
      withDatabase(async (app) => {
        const all = await app.get(SuspectTokensService).summary();
        const rows = all.filter((row) => provider === undefined || row.provider === provider);
        if (json) printJson(rows);
        else if (rows.length === 0) print('There are no suspects.');
        else
          print(formatTable([['provider', 'reason', 'tokens'], ...rows.map((r) => [r.provider, r.reason, r.count])]));
      }),
    );

  withOptions(suspects.command('release'))
    .description('end the suspicion and keep the devices: the provider or our settings were wrong')
    .addHelpText('after', examples('suspects release --provider apns'))
    .action(({ provider, json }: SuspectsOptions) =>
      withDatabase(async (app) => {
        const released = await retryWhenBusy(() => app.get(SuspectTokensService).release(provider));
        if (json) printJson({ released });
        else print(`Released ${formatCount(released)} suspects; their devices stay.`);
      }),
    );

  withOptions(suspects.command('discard'))
    .description('remove the devices: they are dead indeed')
    .addHelpText('after', `\nDevices that registered again since stay.\n${examples('suspects discard --provider fcm')}`)
    .action(({ provider, json }: SuspectsOptions) =>
      withDatabase(async (app) => {
        const removed = await retryWhenBusy(() => app.get(SuspectTokensService).discard(provider));
        if (json) printJson({ removed });
        else print(`Removed ${formatCount(removed)} devices; those that registered again since stay.`);
      }),
    );
}

function withOptions(command: Command): Command {
  return command
    .addOption(new Option('--provider <name>', 'only of this provider').choices(PROVIDERS))
    .option('--json', 'for programs');
}
