import { Redis } from 'ioredis';
import { inject } from 'vitest';

const COUNTER = 'tests:databases';

/** Makes an empty Redis database and returns its REDIS_URL. */
export async function createRedisDatabase(): Promise<string> {
  const server = inject('redisUrl');
  if (server === null) throw new Error('There is no Redis in this run.');
  const counter = new Redis(server);
  try {
    const [, all] = (await counter.config('GET', 'databases')) as [string, string];
    // Number 0 keeps the counter.
    const number = 1 + ((await counter.incr(COUNTER)) % (Number(all) - 1));
    await counter.select(number);
    await counter.flushdb();
    return `${server}/${number}`;
  } finally {
    counter.disconnect();
  }
}
