import { Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { RecordingLogger } from '../../../test/support/recording-logger.js';
import { createRedisDatabase } from '../../../test/support/redis-databases.js';
import { OperatorEvents } from '../../operator/operator-events.js';
import { RedisClient } from '../../redis/redis-client.js';
import { SharedSwarmKeyClaim } from './shared-swarm-key-claim.js';

const TUNING = { lastsMs: 600, renewMs: 100, aliveAfterMs: 800 };
const KEYS = { publicKey: Buffer.alloc(32, 1), privateKey: Buffer.alloc(32, 2) };

class Instance {
  readonly said: string[] = [];
  readonly events: string[] = [];
  private constructor(
    readonly claim: SharedSwarmKeyClaim,
    readonly redis: RedisClient,
  ) {}

  static async start(url: string, keys = KEYS): Promise<Instance> {
    const redis = new RedisClient(url);
    redis.on('error', () => undefined);
    await redis.connect();
    const events = new OperatorEvents();
    const instance = new Instance(new SharedSwarmKeyClaim(redis, keys, events, TUNING), redis);
    events.on(({ kind }) => instance.events.push(kind));
    await instance.claim.hold({
      granted: () => Promise.resolve(void instance.said.push('granted')),
      revoked: () => void instance.said.push('revoked'),
    });
    return instance;
  }
}

describe.skipIf(inject('redisUrl') === null)('SharedSwarmKeyClaim', () => {
  let url: string;
  const log = new RecordingLogger();
  const running: Instance[] = [];
  beforeEach(async () => {
    log.lines.length = 0;
    Logger.overrideLogger(log);
    url = await createRedisDatabase();
  });
  afterEach(async () => {
    for (const { claim, redis } of running.splice(0)) {
      await claim.release();
      redis.disconnect();
    }
  });
  const start = async (keys = KEYS) => {
    const instance = await Instance.start(url, keys);
    running.push(instance);
    return instance;
  };

  it('lets the first watch, and tells the second what to do', async () => {
    const first = await start();
    expect(first.said).toEqual(['granted']);
    const second = await start();
    await expect.poll(() => second.claim.isElsewhere).toBe(true);
    expect(log.find('another instance uses the same SWARM_KEY_FILE')).toHaveLength(1);
    expect(log.find('Every instance needs a key of its own')).toHaveLength(1);
    await sleep(500);
    expect([first.said, second.said, second.events]).toEqual([['granted'], [], ['swarm-key-shared']]);
    expect(first.claim.isElsewhere).toBe(false);
    expect(log.find('another instance uses')).toHaveLength(1);
    await first.claim.release();
    await expect.poll(() => second.said).toEqual(['granted']);
    expect([second.claim.isElsewhere, second.events]).toEqual([false, ['swarm-key-shared', 'swarm-key-own']]);
  });

  it('lets each watch that has a key of its own', async () => {
    await start();
    expect((await start({ ...KEYS, publicKey: Buffer.alloc(32, 3) })).said).toEqual(['granted']);
  });

  it('lets one that was killed watch again soon, and does not take the dead for another one', async () => {
    const dead = await start();
    // Nothing of it goes out any more.
    dead.redis.disconnect();
    const next = await start();
    expect(next.said).toEqual([]);
    await expect.poll(() => next.said, { timeout: 2000 }).toEqual(['granted']);
    expect([next.events, log.find('another instance uses')]).toEqual([[], []]);
  });

  it('stops one that was frozen for so long that another one took the key', async () => {
    const first = await start();
    await first.redis.set((await first.redis.keys('session-push:swarm-key:*'))[0] ?? '', 'another one', 'PX', 1500);
    await expect.poll(() => first.said).toEqual(['granted', 'revoked']);
    expect(first.claim.isElsewhere).toBe(true);
    await expect.poll(() => first.said, { timeout: 5000 }).toEqual(['granted', 'revoked', 'granted']);
  });

  it('lets everybody watch who does not know, and changes nothing while Redis is away', async () => {
    const first = await start();
    first.redis.disconnect();
    await sleep(500);
    expect(first.said).toEqual(['granted']);
    const redis = new RedisClient(url);
    const claim = new SharedSwarmKeyClaim(redis, KEYS, new OperatorEvents(), TUNING);
    const said: string[] = [];
    await claim.hold({ granted: () => Promise.resolve(void said.push('granted')), revoked: () => undefined });
    expect(said).toEqual(['granted']);
    await claim.release();
  });
});
