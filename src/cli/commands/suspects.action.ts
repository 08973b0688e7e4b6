import { SuspectTokensService } from '../../devices/suspect-tokens.service.js';
import { type Provider } from '../../providers/push-transport.js';
import { formatCount, formatTable, print, printJson } from '../output.js';
import { withDatabase } from '../with-database.js';

export interface SuspectsOptions {
  /** Absent = all of them. */
  provider?: Provider;
  json?: boolean;
}

export async function listSuspects({ provider, json }: SuspectsOptions): Promise<void> {
  const all = await withDatabase((app) => app.get(SuspectTokensService).summary());
  const rows = all.filter((row) => provider === undefined || row.provider === provider);
  if (json) printJson(rows);
  else if (rows.length === 0) print('There are no suspects.');
  else
    print(formatTable([['provider', 'reason', 'tokens'], ...rows.map((row) => [row.provider, row.reason, row.count])]));
}

export async function releaseSuspects({ provider, json }: SuspectsOptions): Promise<void> {
  const released = await withDatabase((app) => app.get(SuspectTokensService).release(provider));
  if (json) printJson({ released });
  else print(`Released ${formatCount(released)} suspects; their devices stay.`);
}

export async function discardSuspects({ provider, json }: SuspectsOptions): Promise<void> {
  const removed = await withDatabase((app) => app.get(SuspectTokensService).discard(provider));
  if (json) printJson({ removed });
  else print(`Removed ${formatCount(removed)} devices; those that registered again since stay.`);
}
