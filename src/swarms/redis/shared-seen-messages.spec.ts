import { Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { findRedis, PrivateRedis } from '../../../test/support/private-redis.js';
import { RecordingLogger } from '../../../test/support/recording-logger.js';
import { createRedisDatabase } from '../../../test/support/redis-databases.js';
import { DatabaseId } from '../../database/database-id.js';
import { RedisClient } from '../../redis/redis-client.js';
import { type SharedSeenTuning } from '../reports/shared-seen-tuning.js';
import { SharedSeenMessages } from './shared-seen-messages.js';

const ACCOUNT = Buffer.alloc(33, 5);
const message = (hash: string | number) => ({
  account: ACCOUNT,
  hash: `hash-${hash}`,
  namespace: 0,
  expiresAt: 1_900_000_000_000,
  data: Buffer.from('hello'),
});
const done = () => Promise.resolve();
const never = () => new Promise<void>(() => undefined);

const TUNING = { periodMs: 3_600_000, maxPerBucket: 512, claimMs: 600, aloneAfterMs: 1000 };
const DATABASE = new DatabaseId('a database');

const clients: RedisClient[] = [];
async function connect(url: string): Promise<RedisClient> {
  const client = new RedisClient(url);
  client.on('error', () => undefined);
  clients.push(client);
  await client.connect();
  return client;
}
afterEach(() => clients.splice(0).forEach((client) => client.disconnect()));

const log = new RecordingLogger();
beforeEach(() => {
  log.lines.length = 0;
  Logger.overrideLogger(log);
});

describe.skipIf(inject('redisUrl') === null)('SharedSeenMessages', () => {
  let url: string;
  beforeEach(async () => void (url = await createRedisDatabase()));
  const open = async (tuning: Partial<SharedSeenTuning> = {}) =>
    new SharedSeenMessages(await connect(url), DATABASE, { ...TUNING, ...tuning });

  it('takes each message once, whichever instances see it at the same time', async () => {
    const instances = [await open(), await open(), await open()];
    const taken: number[] = [];
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, (_, number) => number).flatMap((number) =>
        [...instances, ...instances].map((instance) =>
          instance.once(message(number), async () => void taken.push(number)),
        ),
      ),
    );
    expect(taken.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, number) => number));
    expect(outcomes.filter((outcome) => outcome === 'taken')).toHaveLength(200);
    expect(await (await open()).once(message(7), never)).toBe('copy');
  });

  it('counts a message as seen when it was kept, and not before', async () => {
    const [first, other] = [await open(), await open()];
    const keeping = Promise.withResolvers<void>();
    const copy = vi.fn<() => Promise<void>>(done);
    const taking = first.once(message(1), () => keeping.promise);
    await sleep(50);
    const waiting = other.once(message(1), copy);
    // Longer than a claim lasts: who is alive says it again.
    await sleep(2 * TUNING.claimMs);
    expect(copy).not.toHaveBeenCalled();
    keeping.resolve();
    expect([await taking, await waiting]).toEqual(['taken', 'copy']);
    expect(copy).not.toHaveBeenCalled();
  });

  it('lets another instance take what the first could not keep', async () => {
    const [first, other] = [await open(), await open()];
    const keeping = Promise.withResolvers<void>();
    const taking = first.once(message(1), () => keeping.promise);
    await sleep(50);
    const waiting = other.once(message(1), done);
    keeping.reject(new Error('the database is away'));
    await expect(taking).rejects.toThrow('the database is away');
    expect(await waiting).toBe('taken');
    expect(await first.once(message(1), never)).toBe('copy');
  });

  it('lets another instance take what the first has to try again, and does not take it twice', async () => {
    const [first, other] = [await open({ claimMs: 60_000 }), await open()];
    const { signal } = new AbortController();
    const again = vi.fn<() => void>();
    const trying = first.once(message(1), async (rest) => {
      if (!(await rest(500, signal))) again();
    });
    await sleep(50);
    expect(await other.once(message(1), done)).toBe('taken');
    expect(await trying).toBe('copy');
    expect(again).not.toHaveBeenCalled();
    const [kept, left] = [await other.once(message(2), done), await first.once(message(2), never)];
    expect([kept, left]).toEqual(['taken', 'copy']);
  });

  it('takes what it tries again and nobody else has taken', async () => {
    const seen = await open();
    const taking = seen.once(message(1), async (rest) => {
      expect(await rest(50, new AbortController().signal)).toBe(false);
    });
    expect(await taking).toBe('taken');
    expect(await (await open()).once(message(1), never)).toBe('copy');
  });

  it('lets another instance take what the first died with', async () => {
    const dying = new SharedSeenMessages(await connect(url), DATABASE, TUNING);
    void dying.once(message(1), never).catch(() => undefined);
    await sleep(50);
    clients.at(-1)?.disconnect();
    const began = performance.now();
    expect(await (await open()).once(message(1), done)).toBe('taken');
    expect(performance.now() - began).toBeLessThan(TUNING.claimMs + 1500);
  });

  it('remembers for its period at least, and forgets after two', async () => {
    const tuning = { periodMs: 600 };
    const seen = await open(tuning);
    await seen.once(message(1), done);
    await sleep(500);
    expect(await (await open(tuning)).once(message(1), never)).toBe('copy');
    await sleep(900);
    expect(await (await open(tuning)).once(message(1), done)).toBe('taken');
    expect(seen.memoryMs).toBe(600);
    await sleep(1300);
    expect(await (await connect(url)).keys('session-push:seen:*')).toEqual([]);
  });

  it('forgets the oldest early rather than to grow, and counts them', async () => {
    const seen = await open({ maxPerBucket: 2 });
    const all = Array.from({ length: 20_000 }, (_, number) => number);
    await Promise.all(all.map((number) => seen.once(message(number), done)));
    const client = await connect(url);
    const sizes = await Promise.all((await client.keys('session-push:seen:*')).map((key) => client.scard(key)));
    expect(Math.max(...sizes)).toBe(2);
    expect(sizes.reduce((sum, size) => sum + size) + seen.forgottenEarly).toBe(all.length);
    const other = await open({ maxPerBucket: 2 });
    expect(await other.once(message(19_999), never)).toBe('copy');
  });

  it('asks Redis once for many, and holds 8 bytes of each and nothing about people', async () => {
    const client = await connect(url);
    const commands = vi.spyOn(client, 'eval');
    const seen = new SharedSeenMessages(client, DATABASE, TUNING);
    await Promise.all(Array.from({ length: 500 }, (_, number) => seen.once(message(number), done)));
    // Claims go out together, and so do marks.
    expect(commands.mock.calls.length).toBeLessThanOrEqual(6);
    const keys = await client.keys('session-push:seen:*');
    expect(keys.length).toBeGreaterThan(100);
    const held = await Promise.all(keys.map(async (key) => [await client.object('ENCODING', key), ...(await client.smembers(key))])); // prettier-ignore
    expect(new Set(held.map(([encoding]) => encoding))).toEqual(new Set(['intset']));
    expect(held.flatMap(([, ...members]) => members).every((member) => /^-?\d{1,19}$/.test(String(member)))).toBe(true);
    expect(keys.every((key) => /^session-push:seen:\d+$/.test(key))).toBe(true);
  });
});

const program = findRedis();

describe.skipIf(program === null)('SharedSeenMessages without an answer of Redis', () => {
  let redis: PrivateRedis;
  beforeEach(async () => void (redis = await PrivateRedis.open(program ?? '')));
  afterEach(() => redis.remove());
  const said = (part: string) => log.lines.filter((line) => line.includes(part)).length;

  it('takes what is reported, in each instance once, says so once, and when it is together again', async () => {
    const first = new SharedSeenMessages(await connect(redis.url), DATABASE, TUNING);
    const other = new SharedSeenMessages(await connect(redis.url), DATABASE, TUNING);
    await redis.stop();
    const outcomes = await Promise.all(
      [first, other, first].flatMap((seen) => [1, 2, 3].map((number) => seen.once(message(number), done))),
    );
    expect(outcomes.filter((outcome) => outcome === 'taken')).toHaveLength(6);
    expect(await first.once(message(1), never)).toBe('copy');
    expect(said('Redis does not answer')).toBe(2);
    await redis.start();
    const both = async () => {
      await Promise.all([first, other].map((seen) => seen.once(message(`again-${Math.random()}`), done)));
      return said('Redis answers again');
    };
    await expect.poll(both, { timeout: 20_000 }).toBe(2);
    expect(await first.once(message('common'), done)).toBe('taken');
    expect(await other.once(message('common'), never)).toBe('copy');
    expect(said('Redis does not answer')).toBe(2);
  });

  it('waits for an absence to end, so that what several instances see is taken once all the same', async () => {
    const tuning = { ...TUNING, aloneAfterMs: 20_000 };
    const instances = [await connect(redis.url), await connect(redis.url)].map(
      (client) => new SharedSeenMessages(client, DATABASE, tuning),
    );
    await redis.stop();
    const outcomes = Promise.all(
      instances.flatMap((seen) => [1, 2, 3].map((number) => seen.once(message(number), done))),
    );
    await sleep(2500);
    await redis.start();
    expect((await outcomes).toSorted()).toEqual(['copy', 'copy', 'copy', 'taken', 'taken', 'taken']);
    expect(said('Redis does not answer')).toBe(0);
  });

  it('loses nothing while Redis takes connections and says nothing', async () => {
    const seen = new SharedSeenMessages(await connect(redis.url), DATABASE, TUNING);
    await seen.once(message(0), done);
    redis.freeze();
    try {
      const outcomes = Array.from({ length: 50 }, (_, number) => seen.once(message(1 + number), done));
      expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['taken']));
    } finally {
      redis.thaw();
    }
  });
});
