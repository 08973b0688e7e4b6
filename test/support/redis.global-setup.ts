import type { TestProject } from 'vitest/node';
import { findRedis, PrivateRedis } from './private-redis.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** `redis://host:port` without a database number; null = no Redis here, its tests are skipped. */
    redisUrl: string | null;
  }
}

const HOW_TO_GET_IT = 'install redis-server (on Debian: apt-get install redis-server)';

/** Gives the whole run one Redis: the server named by TEST_REDIS_URL, or a private one that ends with the run. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const given = process.env.TEST_REDIS_URL;
  if (given) {
    project.provide('redisUrl', given);
    return undefined;
  }
  const program = findRedis();
  if (!program) {
    if (process.env.REQUIRE_REDIS === '1') {
      throw new Error(`REQUIRE_REDIS=1 is set and there is no Redis: ${HOW_TO_GET_IT}.`);
    }
    console.warn(`Redis is not installed, the tests of scale-out are skipped; to run them, ${HOW_TO_GET_IT}.`);
    project.provide('redisUrl', null);
    return undefined;
  }
  const redis = await PrivateRedis.open(program);
  project.provide('redisUrl', redis.url);
  return () => redis.remove();
}
