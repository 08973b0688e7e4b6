import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { findRedis, PrivateRedis } from '../../test/support/private-redis.js';
import { RecordingLogger } from '../../test/support/recording-logger.js';
import { type OperatorEvent, OperatorEvents } from '../operator/operator-events.js';
import { RedisClient } from './redis-client.js';
import { RedisSetupError } from './redis-requirements.js';
import { RedisWatch } from './redis-watch.js';

const program = findRedis();

describe.skipIf(program === null)('Redis that is changed while it is used', () => {
  let server: PrivateRedis;
  let client: RedisClient;
  let watch: RedisWatch;
  let events: OperatorEvent[];
  let log: RecordingLogger;
  beforeEach(async () => {
    log = new RecordingLogger();
    Logger.overrideLogger(log);
    server = await PrivateRedis.open(program ?? '');
    client = new RedisClient(server.url);
    client.on('error', () => undefined);
    await client.connect();
    events = [];
    const operator = new OperatorEvents();
    operator.on((event) => events.push(event));
    watch = new RedisWatch(client, operator);
    await watch.onModuleInit();
  });
  afterEach(async () => {
    client.disconnect();
    await server.remove();
    Logger.overrideLogger(false);
  });

  /** As the operator does, or a tool of his. */
  async function set(name: string, value: string): Promise<void> {
    const other = new Redis(server.url);
    await other.config('SET', name, value);
    other.disconnect();
  }

  it('so that it would throw queued notifications away is no queue any more, and is one again when that is over', async () => {
    expect(() => watch.requireSafe()).not.toThrow();
    await set('maxmemory-policy', 'allkeys-lru');
    await watch.look();
    await watch.look();
    expect(() => watch.requireSafe()).toThrow(RedisSetupError);
    await set('maxmemory-policy', 'noeviction');
    await watch.look();
    expect(() => watch.requireSafe()).not.toThrow();
    const reason =
      'Redis may throw queued notifications away: its maxmemory-policy is allkeys-lru, set it to noeviction.';
    expect(events).toEqual([{ kind: 'redis-unsafe', reason }, { kind: 'redis-safe' }]);
    expect(log.find('maxmemory-policy is allkeys-lru')).toHaveLength(1);
  });

  it('is looked at when it answers again after an outage', async () => {
    await set('maxmemory-policy', 'volatile-lru');
    client.disconnect(true);
    await vi.waitUntil(() => events.length > 0, { timeout: 10_000 });
    expect(() => watch.requireSafe()).toThrow('volatile-lru');
  });

  it('is what it was while it does not answer', async () => {
    await server.stop();
    await watch.look();
    expect(() => watch.requireSafe()).not.toThrow();
    expect(events).toEqual([]);
  });

  it('so that it keeps nothing over its restart is told once', async () => {
    await set('appendonly', 'no');
    await watch.look();
    await watch.look();
    expect(log.find('REDIS KEEPS NO APPEND-ONLY FILE')).toHaveLength(1);
  });
});
