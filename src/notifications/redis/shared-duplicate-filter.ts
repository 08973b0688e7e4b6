import { Injectable } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { Batcher } from '../../common/bounds/batcher.js';
import { KEY_PREFIX, RedisClient } from '../../redis/redis-client.js';
import { DuplicateFilter, duplicateKey, REMEMBER_MS } from '../duplicate-filter.js';

/** The instance that has the request under way may have died; repetitions wait for it no longer than this. */
const UNDER_WAY_MS = 6000;
const LOOK_AGAIN_MS = 50;

const DONE = 'done';

/** Marks each of KEYS for ARGV[1] milliseconds, unless it is marked already. Returns 1 for those that were not. */
const CLAIM = `
local claimed = {}
for index, key in ipairs(KEYS) do
  claimed[index] = redis.call('SET', key, 'under way', 'PX', ARGV[1], 'NX') and 1 or 0
end
return claimed
`;

/** Marks each of KEYS as done for ARGV[1] milliseconds. */
const FINISH = `
for _, key in ipairs(KEYS) do redis.call('SET', key, '${DONE}', 'PX', ARGV[1]) end
`;

interface Claim {
  readonly key: string;
  isOurs: boolean;
}

/**
 * The filter of several instances: what one of them has done or is doing, the others know from Redis. A repetition
 * waits until it is done, for `Success` must not be said of what may still fail. What is asked at one time shares a
 * command.
 */
@Injectable()
export class SharedDuplicateFilter extends DuplicateFilter {
  private readonly claims = new Batcher<Claim>((claims) => this.claimAll(claims));
  private readonly finished = new Batcher<string>(async (keys) => {
    await this.redis.eval(FINISH, keys.length, ...keys, REMEMBER_MS);
  });

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
    while (!(await this.claim(key))) {
      if ((await this.redis.get(key)) === DONE) return false;
      await sleep(LOOK_AGAIN_MS);
    }
    try {
      await work();
    } catch (error) {
      // The client need not wait for it: a next try comes after it on this connection. Should it fail too, the mark ends
      // by itself before the client tries again for the last time.
      void this.redis.del(key).catch(() => undefined);
      throw error;
    }
    // It is done in any case; without the mark the phone would at worst get it twice.
    await this.finished.add(key).catch(() => undefined);
    return true;
  }

  private async claim(key: string): Promise<boolean> {
    const claim = { key, isOurs: false };
    await this.claims.add(claim);
    return claim.isOurs;
  }

  private async claimAll(claims: readonly Claim[]): Promise<void> {
    const keys = claims.map(({ key }) => key);
    const answers = (await this.redis.eval(CLAIM, keys.length, ...keys, UNDER_WAY_MS)) as number[];
    claims.forEach((claim, index) => (claim.isOurs = answers[index] === 1));
  }
}
