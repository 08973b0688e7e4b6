import { type Sealing } from '../../sealing/sealing.js';
import { sealTarget } from '../../sealing/sealed-target.js';
import { type QueueItem } from './notification-queue.js';

/** An item that was queued before ids and tokens were sealed with the data key in use, as it would be now; the others stay as they are. */
export function sealItem(sealing: Sealing, item: QueueItem): QueueItem {
  const recipient = sealing.id(item.recipient);
  if (recipient === item.recipient) return item;
  const to = item.to && {
    ...item.to,
    targets: item.to.targets.map((target) => sealTarget(sealing, target)),
  };
  // A cursor is made of what was stored before, so the pages begin again.
  return { ...item, recipient, to, ...(item.cursor === undefined ? {} : { cursor: '' }) };
}
