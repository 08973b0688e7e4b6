import { SubscribedTokensService } from '../../subscriptions/registry/subscribed-tokens.service.js';
import { formatTable, print, printJson } from '../output.js';
import { withDatabase } from '../with-database.js';
import { type JsonOption } from './devices.action.js';

export async function countSubscriptions({ json }: JsonOption): Promise<void> {
  const counts = await withDatabase((app) => app.get(SubscribedTokensService).count());
  if (json) printJson(counts);
  else print(formatTable(Object.entries(counts)));
}
