import { type Redis } from 'ioredis';
import { KEY_PREFIX } from './redis-client.js';
import { RedisSetupError } from './redis-requirements.js';

/** Holds the id of the database whose notifications are here. */
const OWNER_KEY = `${KEY_PREFIX}:database`;

/**
 * Marks this database of Redis as the one that belongs to a database of SQL. The first one gets it: two that share a queue
 * would take each other's notifications, and find nobody to push them to.
 *
 * @throws RedisSetupError when another one has it
 */
export async function claimRedis(redis: Redis, databaseId: string): Promise<void> {
  await redis.set(OWNER_KEY, databaseId, 'NX');
  if ((await redis.get(OWNER_KEY)) === databaseId) return;
  throw new RedisSetupError(
    'REDIS_URL leads to the queue of another database: servers with a DATABASE_URL of their own need a REDIS_URL of their ' +
      'own, by another number at its end (redis://host:6379/1) or another Redis. When that database is gone for good and its ' +
      `queue may be taken over, remove the key ${OWNER_KEY} (redis-cli DEL).`,
  );
}
