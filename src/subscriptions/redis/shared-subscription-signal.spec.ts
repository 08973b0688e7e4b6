import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { createRedisDatabase } from '../../../test/support/redis-databases.js';
import { RedisClient } from '../../redis/redis-client.js';
import { SharedSubscriptionSignal } from './shared-subscription-signal.js';

describe.skipIf(inject('redisUrl') === null)('the signal of new subscriptions between instances', () => {
  const clients: RedisClient[] = [];
  let accepting: SharedSubscriptionSignal;
  let watching: SharedSubscriptionSignal;
  let heard: string[];
  let missed: number;

  async function open(url: string): Promise<SharedSubscriptionSignal> {
    const client = new RedisClient(url);
    client.on('error', () => undefined);
    await client.connect();
    clients.push(client);
    return new SharedSubscriptionSignal(client);
  }

  beforeEach(async () => {
    const url = await createRedisDatabase();
    [accepting, watching] = [await open(url), await open(url)];
    [heard, missed] = [[], 0];
    watching.listen(
      (accounts) => heard.push(...accounts),
      () => missed++,
    );
    await vi.waitUntil(() => missed === 1);
  });
  afterEach(() => {
    watching.onApplicationShutdown();
    for (const client of clients.splice(0)) client.disconnect();
  });

  it('is heard by an instance that watches, and once by the one that accepted', async () => {
    accepting.changed(['a', 'b']);
    await expect.poll(() => heard).toEqual(['a', 'b']);
    watching.changed(['c']);
    expect(heard).toEqual(['a', 'b', 'c']);
    accepting.changed(['d']);
    await expect.poll(() => heard).toEqual(['a', 'b', 'c', 'd']);
  });

  it('tells that something may have been missed when its connection was lost, and is heard again', async () => {
    await clients[0]?.client('KILL', 'TYPE', 'pubsub');
    accepting.changed(['lost']);
    await expect.poll(() => missed, { timeout: 5000 }).toBe(2);
    accepting.changed(['heard']);
    await expect.poll(() => heard).toContain('heard');
  });
});
