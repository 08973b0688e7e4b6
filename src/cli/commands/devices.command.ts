import { type Command, InvalidArgumentError } from 'commander';
import { examples } from '../output.js';
import { type JsonOption, type PruneOptions } from './devices.action.js';

export function addDevicesCommands(program: Command): void {
  const devices = program.command('devices').description('count devices, or remove those not seen for long');

  devices
    .command('count')
    .description('devices per type, and Session ids that have any')
    .option('--json', 'for programs')
    .addHelpText('after', examples('devices count'))
    .action(async (options: JsonOption) => (await import('./devices.action.js')).countDevices(options));

  devices
    .command('prune')
    .description('remove devices that no app registered again for so long')
    .requiredOption('--unseen-days <days>', 'days since the latest registration, a whole number', parseDays)
    .option('--dry-run', 'only tell how many there are')
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
Apps register again now and then, old ones only when their token changes: a small number of days silences phones that are
in use. Look at the dry run first. The server may go on running.
${examples('devices prune --unseen-days 365 --dry-run', 'devices prune --unseen-days 365')}`,
    )
    .action(async (options: PruneOptions) => (await import('./devices.action.js')).pruneDevices(options));
}

function parseDays(text: string): number {
  const days = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (days < 1) throw new InvalidArgumentError('It must be a whole number above 0.');
  return days;
}
