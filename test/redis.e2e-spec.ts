import { DEFAULT_DELIVERY_TUNING } from '../src/delivery/delivery-tuning.js';
import { legacyContent } from '../src/providers/push-content.js';
import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { type NewQueueItem, type QueueItem } from '../src/delivery/queue/notification-queue.js';
import { SharedRecipientLimit } from '../src/delivery/redis/shared-recipient-limit.js';
import { SharedDuplicateFilter } from '../src/notifications/redis/shared-duplicate-filter.js';
import { RedisClient } from '../src/redis/redis-client.js';
import { checkRedis, RedisSetupError } from '../src/redis/redis-requirements.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { repeat } from './support/instances.js';
import { newData, newId, newIosToken } from './support/people.js';
import { findRedis, PrivateRedis } from './support/private-redis.js';
import { openBullmq, type QueueProcess } from './support/queue-engines.js';
import { createRedisDatabase } from './support/redis-databases.js';
import { inFolder, ServerProcess, spawnServer } from './support/spawned-server.js';
import { storedId } from './support/stored.js';

const program = findRedis();
const SUCCESS = { status: 200, body: { code: 1, message: 'Success' } };

function newItem(): NewQueueItem {
  const now = Date.now();
  const times = { acceptedAt: now, availableAt: now, expiresAt: now + 3_600_000 };
  return {
    notificationId: uuidv7(),
    lane: 'intake',
    recipient: storedId('r'),
    content: legacyContent('d'),
    urgency: 'high',
    to: null,
    attempts: 0,
    ...times,
  };
}

async function drain({ queue }: QueueProcess, count: number, timeoutMs = 10_000): Promise<QueueItem[]> {
  const items: QueueItem[] = [];
  for (const end = Date.now() + timeoutMs; items.length < count && Date.now() < end; await sleep(20)) {
    const claimed = await queue.claim('intake', 256).catch(() => []);
    for (const { id } of claimed) await queue.settle(id, []);
    items.push(...claimed);
  }
  return items;
}

describe.skipIf(inject('redisUrl') === null)('what instances share through Redis', () => {
  let url: string;
  const clients: RedisClient[] = [];
  const connect = async (): Promise<RedisClient> => {
    const client = new RedisClient(url);
    clients.push(client);
    await client.connect();
    return client;
  };
  beforeEach(async () => void (url = await createRedisDatabase()));
  afterEach(() => clients.splice(0).forEach((client) => client.disconnect()));

  describe('the queue', () => {
    const open: QueueProcess[] = [];
    const start = async () => {
      const process = await openBullmq(url);
      open.push(process);
      return process;
    };
    afterEach(async () => void (await Promise.all(open.splice(0).map((process) => process.stop()))));

    it('carries what was added together in few jobs', async () => {
      const { queue } = await start();
      await Promise.all(Array.from({ length: 512 }, () => queue.add(newItem())));
      const jobs = await (await connect()).llen('session-push:intake:wait');
      expect(jobs).toBeLessThanOrEqual(12);
      expect((await queue.depth()).find(({ lane }) => lane === 'intake')?.count).toBe(512);
    });

    it('gives each item to one of several consumers, and leaves nothing behind', async () => {
      const processes = await Promise.all([start(), start(), start()]);
      const items = Array.from({ length: 600 }, newItem);
      await Promise.all(
        processes.flatMap(({ queue }, number) =>
          items.filter((_, index) => index % 3 === number).map((item) => queue.add(item)),
        ),
      );
      const claimed = await Promise.all(processes.map((process) => drain(process, 600, 3000)));
      expect(
        claimed
          .flat()
          .map(({ notificationId }) => notificationId)
          .toSorted(),
      ).toEqual(items.map(({ notificationId }) => notificationId).toSorted());
      const keys = await (await connect()).keys('session-push:*:*');
      expect(keys.filter((key) => /:[0-9]+(:lock)?$/.test(key))).toEqual([]);
    });

    it('keeps a job that is worked on for longer than its lock lasts', async () => {
      const [first, second] = [await start(), await start()];
      await first.queue.add(newItem());
      const [item] = await first.queue.claim('intake', 1);
      await sleep(1500);
      expect(await second.queue.claim('intake', 1)).toEqual([]);
      await first.queue.settle(item?.id ?? '', []);
      await sleep(800);
      expect(await second.queue.claim('intake', 1)).toEqual([]);
    });

    it('tells an idle consumer of what another process added, at once', async () => {
      const [adding, consuming] = [await start(), await start()];
      await consuming.queue.claim('intake', 1);
      const told = new Promise<number>((resolve) => consuming.queue.onAdded(() => resolve(performance.now())));
      await sleep(200);
      const addedAt = performance.now();
      await adding.queue.add(newItem());
      expect((await told) - addedAt).toBeLessThan(200);
    });
  });

  describe('the duplicate filter', () => {
    const filters = async () =>
      [new SharedDuplicateFilter(await connect()), new SharedDuplicateFilter(await connect())] as const;

    it('lets one of them do the work', async () => {
      const [first, second] = await filters();
      const work = () => sleep(30, undefined);
      const results = await Promise.all([first, second, first, second].map((one) => one.once('05a', 'data', work)));
      expect(results.filter(Boolean)).toHaveLength(1);
      expect(await second.once('05a', 'data', work)).toBe(false);
      expect(await second.once('05b', 'data', work)).toBe(true);
    });

    it('does not say that it is done while it may still fail, and lets the other do it then', async () => {
      const [first, second] = await filters();
      const failing = first.once('05a', 'data', async () => {
        await sleep(200);
        throw new Error('Redis is full');
      });
      await sleep(50);
      let didIt = false;
      const repeated = second.once('05a', 'data', async () => void (didIt = true));
      await expect(failing).rejects.toThrow('Redis is full');
      expect(await repeated).toBe(true);
      expect(didIt).toBe(true);
    });

    it('keeps nothing that tells who writes to whom', async () => {
      const [first] = await filters();
      const redis = await connect();
      await first.once('05secret', 'data', async () => {});
      const [key = ''] = await redis.keys('session-push:duplicate:*');
      expect(key).not.toContain('05secret');
      expect(await redis.pttl(key)).toBeGreaterThan(290_000);
    });
  });

  it('bounds a recipient over all instances', async () => {
    const bounds = {
      ...DEFAULT_DELIVERY_TUNING,
      maxPerRecipientAndMinute: 5,
      maxPushesPerRecipientAndMinute: 100,
    };
    const first = new SharedRecipientLimit(await connect(), bounds);
    const second = new SharedRecipientLimit(await connect(), bounds);
    const now = Date.now();
    const takes = Array.from({ length: 5 }, () => [first.take('a', 1, now), second.take('a', 1, now)]);
    const decisions = await Promise.all(takes.flat());
    expect(decisions.filter(({ pass }) => pass)).toHaveLength(5);
    const wakeUps = decisions.flatMap((decision) => (decision.pass ? [] : [decision.wakeAt]));
    expect(wakeUps.filter((at) => at !== null)).toHaveLength(1);
    expect(Math.max(...wakeUps.map(Number)) - now).toBeGreaterThan(50_000);
    expect(await first.take('group', 1000, now)).toEqual({ pass: true });
    expect(await second.take('group', 1, now)).toMatchObject({ pass: false });
    const [key = ''] = await (await connect()).keys('session-push:limit:*');
    expect(key.length).toBeGreaterThan(40);
  });
});

describe.skipIf(program === null)('Redis as it is set up', () => {
  it.each([
    ['allkeys-lru', 'yes', /maxmemory-policy is allkeys-lru, set it to noeviction/],
    ['noeviction', 'no', true],
  ])('with %s and appendonly %s', async (policy, appendonly, expected) => {
    const redis = await PrivateRedis.open(program ?? '', ['--maxmemory-policy', policy, '--appendonly', appendonly]);
    const client = new Redis(redis.url);
    const check = checkRedis(client);
    if (expected === true) expect(await check).toMatchObject({ persistent: false });
    else {
      await expect(check).rejects.toThrow(RedisSetupError);
      await expect(checkRedis(client)).rejects.toThrow(expected);
    }
    client.disconnect();
    await redis.remove();
  });

  it('stops the start when it has no database of the number', async () => {
    await inFolder(async (folder) => {
      const redis = await PrivateRedis.open(program ?? '', ['--appendonly', 'yes', '--databases', '16']);
      try {
        const { code, stdout } = await new ServerProcess({ REDIS_URL: `${redis.url}/16` }, folder).exit;
        expect(code).toBe(1);
        expect(stdout).toContain('Redis has no database of the number 16');
        const client = new Redis(redis.url);
        // Nothing was left in number 0, where others may be.
        expect(await client.keys('*')).toEqual([]);
        client.disconnect();
      } finally {
        await redis.remove();
      }
    });
  });

  it('stops the start when it carries the queue of another database', async () => {
    await inFolder(async (folder) => {
      const redis = await PrivateRedis.open(program ?? '');
      try {
        const one = { REDIS_URL: redis.url, DATABASE_URL: `sqlite:${folder}/one.sqlite` };
        const other = { ...one, DATABASE_URL: `sqlite:${folder}/other.sqlite` };
        await (await spawnServer(one, folder)).process.stop();
        const { code, stdout } = await new ServerProcess(other, folder).exit;
        expect(code).toBe(1);
        expect(stdout).toContain('REDIS_URL leads to the queue of another database');
        // Its own may come again, and the other one with a number of its own.
        await (await spawnServer(one, folder)).process.stop();
        await (await spawnServer({ ...other, REDIS_URL: `${redis.url}/1` }, folder)).process.stop();
      } finally {
        await redis.remove();
      }
    });
  });

  it('stops the start when it would lose notifications, or is not there', async () => {
    const redis = await PrivateRedis.open(program ?? '', ['--maxmemory-policy', 'volatile-ttl', '--appendonly', 'yes']);
    await inFolder(async (folder) => {
      const refused = new ServerProcess({ REDIS_URL: redis.url }, folder);
      expect((await refused.exit).code).toBe(1);
      expect(refused.stdout).toMatch(/maxmemory-policy is volatile-ttl, set it to noeviction/);
      await redis.remove();
      const alone = new ServerProcess({ REDIS_URL: redis.url }, folder);
      expect((await alone.exit).code).toBe(1);
      expect(alone.stdout).toMatch(/Redis cannot be reached.*check REDIS_URL/);
    });
  });

  it('makes the server unready when it is changed so that it would lose notifications', async () => {
    const redis = await PrivateRedis.open(program ?? '');
    const admin = new Redis(redis.url);
    await inFolder(async (folder) => {
      const { process: server, start } = await spawnServer({ REDIS_URL: redis.url }, folder);
      const ready = async () => (await fetch(`${start.address}/health/ready`)).status;
      expect(await ready()).toBe(200);
      await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
      // It is looked at on every connect, and every minute.
      await admin.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await vi.waitUntil(async () => (await ready()) === 503, { timeout: 20_000, interval: 200 });
      await admin.config('SET', 'maxmemory-policy', 'noeviction');
      await admin.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await vi.waitUntil(async () => (await ready()) === 200, { timeout: 20_000, interval: 200 });
      await server.stop();
    });
    admin.disconnect();
    await redis.remove();
  });

  it('is told when it forgets everything at its own restart', async () => {
    const redis = await PrivateRedis.open(program ?? '', ['--appendonly', 'no']);
    await inFolder(async (folder) => {
      const { process: server } = await spawnServer({ REDIS_URL: redis.url }, folder);
      expect(server.stdout).toMatch(/REDIS KEEPS NO APPEND-ONLY FILE/);
      await server.stop();
    });
    await redis.remove();
  });
});

describe.skipIf(program === null)('Redis that is stopped and started under load', () => {
  let gateways: TestGateways;
  beforeAll(async () => void (gateways = await startGateways()));
  afterAll(() => gateways.close());

  it('costs errors that come soon, and nothing that was acknowledged', async () => {
    const redis = await PrivateRedis.open(program ?? '');
    await inFolder(async (folder) => {
      const { process: server, onion } = await spawnServer({ ...gateways.environment, REDIS_URL: redis.url }, folder);
      // A phone gets so many pushes whole in a row, and a fast machine sends more than that to a few phones.
      const ids = Array.from({ length: 60 }, newId);
      for (const id of ids) await onion.send('register', { pubKey: id, token: newIosToken() });
      const acknowledged = new Set<string>();
      let refused = 0;
      let slowestMs = 0;
      const load = repeat(4, async () => {
        const [data, id] = [newData(), ids[Math.floor(Math.random() * ids.length)] ?? ''];
        const began = performance.now();
        const answer = await onion.send('notify', { send_to: id, data });
        slowestMs = Math.max(slowestMs, performance.now() - began);
        if (answer.status === 200) {
          expect(answer).toEqual(SUCCESS);
          acknowledged.add(data);
        } else {
          expect(answer.status).toBe(500);
          refused++;
        }
        await sleep(10);
      });
      for (let round = 0; round < 3; round++) {
        await sleep(1000);
        await redis.stop();
        await sleep(1000);
        await redis.start();
      }
      const before = acknowledged.size;
      for (const end = Date.now() + 20_000; acknowledged.size === before && Date.now() < end; await sleep(100));
      expect(acknowledged.size).toBeGreaterThan(before);
      await sleep(1000);
      await load.end();
      expect(refused).toBeGreaterThan(0);
      expect(slowestMs).toBeLessThan(6000);
      const isSent = (data: string) => gateways.apns.received.some(({ body }) => JSON.stringify(body).includes(data));
      const missing = () => [...acknowledged].filter((data) => !isSent(data));
      for (const end = Date.now() + 40_000; missing().length > 0 && Date.now() < end; await sleep(250));
      expect(missing()).toEqual([]);
      // One line for an outage and not one for each try to connect; a Redis that starts or ends may take a connection twice.
      const told = server.log.filter(({ msg }) => String(msg).startsWith('Redis is away')).length;
      expect(told).toBeGreaterThanOrEqual(3);
      expect(told).toBeLessThanOrEqual(9);
      expect((await server.stop()).code).toBe(0);
    });
    await redis.remove();
  }, 90_000);
});

describe.skipIf(program === null)('Redis that is frozen under load', () => {
  /** One after the other, their batches would take 40 s to fail. */
  const MANY = 5000;
  /** A command fails after 4 s; the rest is room for a busy machine. */
  const SOON_MS = 8000;
  /** Redis finds what had been sent when it is back: one full batch, and the first of those that came later. */
  const FEW = 1500;
  let redis: PrivateRedis;
  let client: RedisClient;

  beforeEach(async () => {
    redis = await PrivateRedis.open(program ?? '');
    client = new RedisClient(redis.url);
    await client.connect();
  });
  afterEach(async () => {
    client.disconnect();
    await redis.remove();
  });

  /** Hands in many at once and goes on while they wait. Returns how long each was without an answer. */
  async function underLoad(ask: () => Promise<unknown>): Promise<{ status: string; ms: number }[]> {
    const one = async () => {
      const began = performance.now();
      const [{ status }] = await Promise.allSettled([ask()]);
      return { status, ms: performance.now() - began };
    };
    const asked = Array.from({ length: MANY }, one);
    for (const end = performance.now() + 6000; performance.now() < end; await sleep(20)) asked.push(one(), one());
    return Promise.all(asked);
  }

  const succeeds = (asked: Promise<unknown>) =>
    asked.then(
      () => true,
      () => false,
    );

  async function expectSoonRefused(ask: () => Promise<unknown>): Promise<void> {
    const answers = await underLoad(ask);
    expect(answers.filter(({ status }) => status !== 'rejected')).toEqual([]);
    expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(SOON_MS);
  }

  it('refuses soon what it cannot compare, and does not remember it later', async () => {
    const filter = new SharedDuplicateFilter(client);
    const ask = () => filter.once('05a', newData(), async () => {});
    await ask();
    redis.freeze();
    await expectSoonRefused(ask);
    redis.thaw();
    await vi.waitUntil(() => succeeds(ask()), { timeout: 10_000 });
    expect((await client.keys('*')).length).toBeLessThan(FEW);
  }, 90_000);

  it('refuses notifications soon, and does not queue them later', async () => {
    const process = await openBullmq(redis.url);
    const add = () => process.queue.add(newItem());
    await add();
    redis.freeze();
    await expectSoonRefused(add);
    redis.thaw();
    await vi.waitUntil(() => succeeds(add()), { timeout: 10_000 });
    expect((await process.queue.depth()).find(({ lane }) => lane === 'intake')?.count).toBeLessThan(FEW);
    await process.stop();
  }, 90_000);

  it('refuses what was begun before within the same time', async () => {
    const filter = new SharedDuplicateFilter(client);
    const began = performance.now();
    const begun = filter.once('05a', 'data', async () => {
      redis.freeze();
      await client.set('job', 'added');
    });
    await expect(begun).rejects.toThrow('timed out');
    // Twice the time of a command if it waited for the mark's removal as well.
    expect(performance.now() - began).toBeLessThan(7000);
  }, 30_000);
});
