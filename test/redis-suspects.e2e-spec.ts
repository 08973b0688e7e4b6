import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { legacyContent } from '../src/providers/push-content.js';
import { KEY_PREFIX } from '../src/redis/redis-client.js';
import { openBullmq, type QueueProcess } from './support/queue-engines.js';
import { createRedisDatabase } from './support/redis-databases.js';
import { storedId } from './support/stored.js';

const LOCK_MS = 600;

describe.skipIf(inject('redisUrl') === null)('a job on Redis that a process died with', () => {
  let url: string;
  const open: QueueProcess[] = [];
  const start = async (): Promise<QueueProcess> => {
    const started = await openBullmq(url);
    open.push(started);
    return started;
  };
  beforeEach(async () => {
    url = await createRedisDatabase();
    const first = await start();
    const now = Date.now();
    await first.queue.add({
      ...{ notificationId: uuidv7(), lane: 'intake', recipient: storedId('somebody'), to: null, attempts: 0 },
      ...{
        content: legacyContent('data'),
        urgency: 'high',
        acceptedAt: now,
        expiresAt: now + 3_600_000,
        availableAt: now,
      },
    });
    await vi.waitUntil(async () => (await first.queue.claim('intake', 1)).length === 1);
    await first.die();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((one) => one.stop()));
  });

  /** A process that is killed right after Redis gave it the job. */
  async function dieWithoutWorking(): Promise<void> {
    const connection = new Redis(url, { maxRetriesPerRequest: null });
    const options = { connection, prefix: KEY_PREFIX, autorun: false, lockDuration: LOCK_MS, stalledInterval: 150 };
    const worker = new Worker('intake', null, { ...options, maxStalledCount: Number.MAX_SAFE_INTEGER });
    await worker.startStalledCheckTimer();
    await vi.waitUntil(() => worker.getNextJob('killed', { block: false }), { timeout: 8000, interval: 50 });
    await worker.close(true);
    connection.disconnect();
    await sleep(LOCK_MS);
  }

  const suspectsOf = async ({ queue }: QueueProcess, deaths: 1 | 2, timeoutMs = 8000) => {
    for (const end = Date.now() + timeoutMs; Date.now() < end; await sleep(20)) {
      await queue.claim('intake', 10);
      const items = await queue.claimSuspects(deaths);
      if (items.length > 0) return items;
    }
    return [];
  };
  const asideOf = async ({ queue }: QueueProcess) =>
    (await queue.depth()).find(({ lane }) => lane === 'aside')?.count ?? 0;

  it('is not blamed for the ends of processes that only looked at it', async () => {
    for (let killed = 0; killed < 3; killed++) await dieWithoutWorking();
    const next = await start();
    const [item] = await suspectsOf(next, 1);
    expect(item).toBeDefined();
    expect(await asideOf(next)).toBe(0);
    await next.queue.settle(item?.id ?? '', []);
  });

  it('is not blamed for a process that gave it back in good order', async () => {
    for (let stops = 0; stops < 3; stops++) {
      const next = await start();
      expect(await suspectsOf(next, 1)).toHaveLength(1);
      await next.stop();
    }
    expect(await asideOf(await start())).toBe(0);
  });

  it('is set aside when the processes that worked on it died', async () => {
    for (const deaths of [1, 2] as const) {
      const next = await start();
      expect(await suspectsOf(next, deaths)).toHaveLength(1);
      await next.die();
    }
    const last = await start();
    expect(await suspectsOf(last, 2, 2500)).toEqual([]);
    expect(await asideOf(last)).toBe(1);
  });
});
