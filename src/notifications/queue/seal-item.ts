import { type Sealing } from '../../sealing/sealing.js';
import { type QueueItem } from './notification-queue.js';

/** An item that was queued before ids and tokens were sealed, as it would be now; the others stay as they are. */
export function sealItem(sealing: Sealing, item: QueueItem): QueueItem {
  const recipient = sealing.id(item.recipient);
  if (recipient === item.recipient) return item;
  const targets = item.targets?.map((target) => ({ ...target, token: sealing.token(target.token) })) ?? null;
  return { ...item, recipient, targets };
}
