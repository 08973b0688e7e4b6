import { setImmediate as nextTurn } from 'node:timers/promises';
import { type EntityManager } from 'typeorm';
import { countRows } from '../../database/dialect.js';
import { type Lane, type LaneDepth } from './notification-queue.js';

/** Index entries that are counted in one statement; SQLite answers within the call. */
const COUNTED_ROWS = 8192;

const OF_LANE = 'FROM queued_notifications WHERE lane = ? AND leased = ?';

/** How much a lane holds; null = nothing. The indexes alone answer it, and the event loop has its turns. */
export async function depthOfLane(manager: EntityManager, lane: Lane, now: number): Promise<LaneDepth | null> {
  const [oldest, available] = [
    await earliest(manager, lane, 'accepted_at'),
    await earliest(manager, lane, 'available_at'),
  ];
  if (oldest === null) return null;
  let count = 0;
  for (const leased of [0, 1]) count += await countInPages(manager, lane, leased);
  return {
    lane,
    count,
    oldestAcceptedAt: oldest,
    dueSince: available !== null && available <= now ? available : null,
  };
}

/** The first entry of an index, among those that somebody has and among the others. */
async function earliest(manager: EntityManager, lane: Lane, column: string): Promise<number | null> {
  const found: number[] = [];
  for (const leased of [0, 1]) {
    const [row] = await manager.query<{ value: number | string }[]>(
      `SELECT ${column} AS value ${OF_LANE} ORDER BY ${column} LIMIT 1`,
      [lane, leased],
    );
    if (row) found.push(Number(row.value));
  }
  return found.length === 0 ? null : Math.min(...found);
}

/** A page ends with a moment, and holds all that was accepted in it. */
async function countInPages(manager: EntityManager, lane: Lane, leased: number): Promise<number> {
  let count = 0;
  for (let from = Number.MIN_SAFE_INTEGER; ;) {
    const [row] = await manager.query<{ value: number | string }[]>(
      `SELECT accepted_at AS value ${OF_LANE} AND accepted_at > ? ORDER BY accepted_at LIMIT 1 OFFSET ${COUNTED_ROWS - 1}`,
      [lane, leased, from],
    );
    const to = row ? Number(row.value) : Number.MAX_SAFE_INTEGER;
    const statement = `SELECT COUNT(*) AS count ${OF_LANE} AND accepted_at > ? AND accepted_at <= ?`;
    count += await countRows(manager, statement, [lane, leased, from, to]);
    if (!row) return count;
    from = to;
    await nextTurn();
  }
}
