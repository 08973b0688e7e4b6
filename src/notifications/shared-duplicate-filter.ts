import { Injectable } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { KEY_PREFIX, RedisClient } from '../redis/redis-client.js';
import { DuplicateFilter, duplicateKey, REMEMBER_MS } from './duplicate-filter.js';

/** The instance that said so may have died; nobody waits for it longer than this. */
const UNDER_WAY_MS = 6000;
const LOOK_AGAIN_MS = 50;

const UNDER_WAY = 'under way';
const DONE = 'done';

/**
 * The filter of several instances: what one of them has done or is doing, the others know from Redis. A repetition
 * waits until it is done, for `Success` must not be said of what may still fail.
 */
@Injectable()
export class SharedDuplicateFilter extends DuplicateFilter {
  constructor(private readonly redis: RedisClient) {
    super();
  }

  override async once(recipient: string, data: string, work: () => Promise<void>): Promise<boolean> {
    let didIt = false;
    const key = `${KEY_PREFIX}:duplicate:${duplicateKey(recipient, data)}`;
    await super.once(recipient, data, async () => {
      didIt = await this.onceAmongAll(key, work);
    });
    return didIt;
  }

  private async onceAmongAll(key: string, work: () => Promise<void>): Promise<boolean> {
    while (!(await this.redis.set(key, UNDER_WAY, 'PX', UNDER_WAY_MS, 'NX'))) {
      if ((await this.redis.get(key)) === DONE) return false;
      await sleep(LOOK_AGAIN_MS);
    }
    try {
      await work();
    } catch (error) {
      // Should that fail too, the mark ends by itself before the client tries again for the last time.
      await this.redis.del(key).catch(() => undefined);
      throw error;
    }
    // It is done in any case; without the mark the phone would at worst get it twice.
    await this.redis.set(key, DONE, 'PX', REMEMBER_MS).catch(() => undefined);
    return true;
  }
}
