import { type Redis } from 'ioredis';

/** Redis is not set up for a queue. The message is for the operator. */
export class RedisSetupError extends Error {
  override readonly name = 'RedisSetupError';
}

export interface RedisSetup {
  /** Whether Redis still has what it acknowledged after its own restart. */
  persistent: boolean;
}

/**
 * Looks at how Redis is set up, with `INFO` only: hosted ones do not allow `CONFIG`.
 *
 * @throws RedisSetupError when Redis would throw queued notifications away to make room
 */
export async function checkRedis(redis: Redis): Promise<RedisSetup> {
  const info = parseInfo(await redis.info());
  const policy = info.get('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction') {
    throw new RedisSetupError(
      `Redis may throw queued notifications away: its maxmemory-policy is ${policy}, set it to noeviction.`,
    );
  }
  return { persistent: info.get('aof_enabled') !== '0' };
}

/** Lines of `name:value`, grouped under lines that begin with `#`. */
function parseInfo(text: string): Map<string, string> {
  const pairs = text.split(/\r?\n/).map((line) => line.split(':', 2));
  return new Map(pairs.flatMap(([name, value]) => (name !== undefined && value !== undefined ? [[name, value]] : [])));
}
