import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NewQueueItem } from '../src/delivery/queue/notification-queue.js';
import { legacyContent } from '../src/providers/push-content.js';
import { findMariaDb, type PrivateMariaDb, startMariaDb } from './support/private-mariadb.js';
import { query } from './support/query.js';
import { openTable, type QueueProcess } from './support/queue-engines.js';
import { storedId, storedToken } from './support/stored.js';

const MIB = 1024 * 1024;
const ITEMS = 100;
/** A row has room for not many more. */
const DEVICES = 40;

/** As long as a token may be; quotes take more bytes in a statement than in the token. */
const token = (index: number): string => `${index}:${'"'.repeat(200)}`.padEnd(1024, 'x');

const programs = findMariaDb();

describe.skipIf(programs === null)('a MariaDB that takes statements of 1 MiB', () => {
  let mariaDb: PrivateMariaDb;
  let process: QueueProcess;
  beforeAll(async () => {
    if (programs) mariaDb = await startMariaDb(programs, ['--max-allowed-packet=1M']);
    await query(mariaDb.url, 'CREATE DATABASE short_statements');
    process = await openTable(`${mariaDb.url}/short_statements`);
  }, 60_000);
  afterAll(async () => {
    await process.stop();
    await mariaDb.stop();
  });

  const newItem = (name: string, fields: Partial<NewQueueItem> = {}): NewQueueItem => {
    const now = Date.now();
    return {
      notificationId: name,
      lane: 'intake',
      recipient: storedId(name),
      content: legacyContent('x'),
      urgency: 'high',
      to: null,
      acceptedAt: now,
      expiresAt: now + 3_600_000,
      availableAt: now,
      attempts: 0,
      ...fields,
    };
  };

  it('keeps many pushes to many long tokens, which are put off together', async () => {
    const { queue } = process;
    await Promise.all(Array.from({ length: ITEMS }, (_, index) => queue.add(newItem(`n${index}`))));
    const claimed = await queue.claim('intake', ITEMS);
    const targets = Array.from({ length: DEVICES }, (_, index) => ({
      token: storedToken(token(index)),
      registeredAt: 1,
      apnsEnvironment: null,
    }));
    const to = { provider: 'fcm' as const, targets };
    expect(ITEMS * JSON.stringify(to).length).toBeGreaterThan(4 * MIB);
    await Promise.all(
      claimed.map(({ id, notificationId }) => queue.settle(id, [newItem(notificationId, { lane: 'fcm', to })])),
    );
    const left = await queue.claim('fcm', ITEMS);
    expect(left.map(({ notificationId }) => notificationId).toSorted()).toEqual(
      Array.from({ length: ITEMS }, (_, index) => `n${index}`).toSorted(),
    );
    expect(left.every((item) => item.to?.targets.length === DEVICES)).toBe(true);
  });
});
