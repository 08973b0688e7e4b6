import { type Redis, ReplyError } from 'ioredis';

/** Redis is not set up for a queue. The message is for the operator. */
export class RedisSetupError extends Error {
  override readonly name = 'RedisSetupError';
}

export const NO_APPEND_ONLY_FILE =
  'REDIS KEEPS NO APPEND-ONLY FILE: acknowledged notifications are lost when it stops. Set appendonly yes';

export interface RedisSetup {
  /** Whether Redis still has what it acknowledged after its own restart. */
  persistent: boolean;
  /** It takes no writes: another one is the primary. */
  replica: boolean;
}

/**
 * Looks at how Redis is set up, with `INFO` only: hosted ones do not allow `CONFIG`.
 *
 * @throws RedisSetupError when the connection is not in the database that was asked for, or Redis would throw queued
 *   notifications away to make room
 */
export async function checkRedis(redis: Redis): Promise<RedisSetup> {
  await requireNumber(redis);
  const info = parseInfo(await redis.info());
  const policy = info.get('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction') {
    throw new RedisSetupError(
      `Redis may throw queued notifications away: its maxmemory-policy is ${policy}, set it to noeviction.`,
    );
  }
  return { persistent: info.get('aof_enabled') !== '0', replica: info.get('role') === 'slave' };
}

/** When Redis has no such number, the client goes on in number 0, which may be somebody else's. */
async function requireNumber(redis: Redis): Promise<void> {
  const number = redis.options.db ?? 0;
  try {
    await redis.select(number);
  } catch (error) {
    if (!(error instanceof ReplyError)) throw error;
    throw new RedisSetupError(
      `Redis has no database of the number ${number}, or does not let us use it: choose another one at the end of REDIS_URL. ` +
        'Hosted ones often have number 0 only.',
    );
  }
}

/** Lines of `name:value`, grouped under lines that begin with `#`. */
function parseInfo(text: string): Map<string, string> {
  const pairs = text.split(/\r?\n/).map((line) => line.split(':', 2));
  return new Map(pairs.flatMap(([name, value]) => (name !== undefined && value !== undefined ? [[name, value]] : [])));
}
