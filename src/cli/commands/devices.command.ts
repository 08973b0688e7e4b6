import { type Command, InvalidArgumentError } from 'commander';
import { type DeviceCounts, DevicesService } from '../../devices/devices.service.js';
import { DevicePruningService } from '../device-pruning.service.js';
import { examples, formatCount, formatTable, print, printJson } from '../output.js';
import { ProgressBar } from '../progress-bar.js';
import { withDatabase } from '../with-database.js';

const DAY_MS = 86_400_000;

interface PruneOptions {
  unseenDays: number;
  dryRun?: boolean;
  json?: boolean;
}

export function addDevicesCommands(program: Command): void {
  const devices = program.command('devices').description('count devices, or remove those not seen for long');

  devices
    .command('count')
    .description('devices per type, and Session ids that have any')
    .option('--json', 'for programs')
    .addHelpText('after', examples('devices count'))
    .action(({ json }: { json?: boolean }) =>
      withDatabase(async (app) => {
        const counts = await app.get(DevicesService).count();
        if (json) printJson({ ...counts.byType, sessionIds: counts.sessionIds });
        else print(formatTable(deviceRows(counts)));
      }),
    );

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
    .action(prune);
}

async function prune({ unseenDays, dryRun = false, json = false }: PruneOptions): Promise<void> {
  await withDatabase(async (app) => {
    const pruning = app.get(DevicePruningService);
    const time = Date.now() - unseenDays * DAY_MS;
    const unseen = await pruning.countUnseenSince(time);
    let removed = 0;
    if (!dryRun) {
      const bar = new ProgressBar('Removing', unseen);
      removed = await pruning.removeUnseenSince(time, (rows) => bar.advance(rows));
      bar.finish();
    }
    if (json) printJson({ unseenDays, dryRun, unseen, removed });
    else if (dryRun) print(`${formatCount(unseen)} devices were not seen for ${unseenDays} days.`);
    else print(`Removed ${formatCount(removed)} devices that were not seen for ${unseenDays} days.`);
  });
}

export function deviceRows({ byType, sessionIds }: DeviceCounts): (string | number)[][] {
  return [...Object.entries(byType), ['Session ids', sessionIds]];
}

function parseDays(text: string): number {
  const days = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (days < 1) throw new InvalidArgumentError('It must be a whole number above 0.');
  return days;
}
