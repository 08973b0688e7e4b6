import { type EntityManager } from 'typeorm';
import { type Lane } from './notification-queue.js';

/** Index entries that one look at a lane may touch, however long the lane is: some milliseconds. */
const LOOKED_AT = 1024;

const FREE = 'FROM queued_notifications WHERE lane = ? AND leased = 0';

interface Due {
  readonly id: string;
  readonly accepted_at: number | string;
}

/**
 * Ids of up to `limit` items of a lane that are due: those that were accepted first, or last.
 *
 * While a provider is away its lane may hold a million items that are put off, of which few are due: in the order of
 * acceptance all of them would have to be stepped over. So what became due longest ago is looked at first. Only when that
 * is more than can be sorted at once, the due ones among those accepted first (or last) are looked for as well; of a lane
 * in which neither finds enough, what was due for longest counts.
 */
export async function findDue(
  manager: EntityManager,
  lane: Lane,
  now: number,
  limit: number,
  order: 'first' | 'last',
): Promise<string[]> {
  const page = Math.max(LOOKED_AT, limit);
  const due = await manager.query<Due[]>(
    `SELECT id, accepted_at ${FREE} AND available_at <= ? ORDER BY available_at LIMIT ?`,
    [lane, now, page],
  );
  const more = due.length < page ? [] : await findAtTheEnd(manager, lane, now, limit, order);
  const sign = order === 'first' ? 1 : -1;
  const sorted = [...more, ...due].toSorted((a, b) => sign * (Number(a.accepted_at) - Number(b.accepted_at)));
  return [...new Set(sorted.map(({ id }) => id))].slice(0, limit);
}

function findAtTheEnd(
  manager: EntityManager,
  lane: Lane,
  now: number,
  limit: number,
  order: 'first' | 'last',
): Promise<Due[]> {
  return manager.query<Due[]>(
    `SELECT id, accepted_at FROM (
       SELECT id, accepted_at, available_at ${FREE}
        ORDER BY accepted_at ${order === 'first' ? 'ASC' : 'DESC'} LIMIT ${LOOKED_AT}
     ) AS page WHERE available_at <= ? LIMIT ?`,
    [lane, now, limit],
  );
}
