import { setTimeout as sleep } from 'node:timers/promises';
import { query } from '../query.js';
import { deviceKey, deviceValue, groupKey, memberKey, PRESENT } from './registry-ledger.js';

/** What a server that is not running has left in its storage. */
export interface StoredState {
  /** By the keys of the registry ledger. */
  readonly registry: ReadonlyMap<string, string>;
  /** The data of what is still queued; more than once when it waits in several pieces. Null = it is without content. */
  readonly queued: readonly (string | null)[];
}

/** What is queued with content. One without may stand for several notifications, and repeats none of them. */
export const withContent = ({ queued }: StoredState): string[] => queued.filter((data) => data !== null);

/** Reads both relations and the embedded queue. */
export async function readStoredState(databaseUrl: string): Promise<StoredState> {
  await untilNobodyIsConnected(databaseUrl);
  const registry = new Map<string, string>();
  for (const row of await query(databaseUrl, 'SELECT * FROM devices')) {
    registry.set(
      deviceKey(String(row['token'])),
      deviceValue(String(row['session_id']), String(row['device_type']), Number(row['legacy_groups_only']) === 1),
    );
  }
  for (const row of await query(databaseUrl, 'SELECT * FROM closed_groups')) {
    registry.set(groupKey(String(row['group_id'])), PRESENT);
  }
  for (const row of await query(databaseUrl, 'SELECT * FROM closed_group_members')) {
    registry.set(memberKey(String(row['group_id']), String(row['session_id'])), PRESENT);
  }
  return { registry, queued: await readQueuedRows(databaseUrl) };
}

/** The data of everything in the embedded queue; null = it is without content. */
export async function readQueuedRows(databaseUrl: string): Promise<(string | null)[]> {
  const rows = await query(databaseUrl, 'SELECT data FROM queued_notifications');
  return rows.map(({ data }) => (typeof data === 'string' ? data : null));
}

/** MariaDB may still be busy with the last statement of a client that is dead. */
async function untilNobodyIsConnected(databaseUrl: string): Promise<void> {
  if (databaseUrl.startsWith('sqlite:')) return;
  const others = `SELECT COUNT(*) AS count FROM information_schema.processlist
                   WHERE db = DATABASE() AND id <> CONNECTION_ID()`;
  for (let tries = 0; tries < 500; tries++) {
    if (Number((await query(databaseUrl, others))[0]?.['count']) === 0) return;
    await sleep(10);
  }
  throw new Error('MariaDB still has connections of a process that is gone.');
}
