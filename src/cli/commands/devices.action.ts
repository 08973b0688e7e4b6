import { DAY_MS } from '../../config/durations.js';
import { DevicePruningService } from '../../devices/device-pruning.service.js';
import { type DeviceCounts, DevicesService } from '../../devices/devices.service.js';
import { formatCount, formatTable, print, printJson } from '../output.js';
import { ProgressBar } from '../progress-bar.js';
import { withDatabase } from '../with-database.js';

export interface JsonOption {
  json?: boolean;
}

export interface PruneOptions extends JsonOption {
  unseenDays: number;
  dryRun?: boolean;
}

export async function countDevices({ json }: JsonOption): Promise<void> {
  const counts = await withDatabase((app) => app.get(DevicesService).count());
  if (json) printJson({ ...counts.byType, sessionIds: counts.sessionIds });
  else print(formatTable(deviceRows(counts)));
}

export function deviceRows({ byType, sessionIds }: DeviceCounts): (string | number)[][] {
  return [...Object.entries(byType), ['Session ids', sessionIds]];
}

export async function pruneDevices({ unseenDays, dryRun = false, json = false }: PruneOptions): Promise<void> {
  const { unseen, removed } = await prune(Date.now() - unseenDays * DAY_MS, dryRun);
  if (json) printJson({ unseenDays, dryRun, unseen, removed });
  else if (dryRun) print(`${formatCount(unseen)} devices were not seen for ${unseenDays} days.`);
  else print(`Removed ${formatCount(removed)} devices that were not seen for ${unseenDays} days.`);
}

/** @param time UTC epoch milliseconds */
function prune(time: number, dryRun: boolean): Promise<{ unseen: number; removed: number }> {
  return withDatabase(async (app) => {
    const pruning = app.get(DevicePruningService);
    const { unseen } = await pruning.countUnseenSince(time);
    if (dryRun) return { unseen, removed: 0 };
    const bar = new ProgressBar('Removing', unseen);
    const removed = await pruning.removeUnseenSince(time, (rows) => bar.advance(rows));
    bar.finish();
    return { unseen, removed };
  });
}
