import { describeError } from '../../common/words/describe-error.js';
import { RedisClient } from '../../redis/redis-client.js';
import { checkRedis, RedisSetupError } from '../../redis/redis-requirements.js';
import { type Check } from './check.js';

export async function checkRedisServer(url: string | null): Promise<Check> {
  const name = 'redis';
  if (url === null) return { name, status: 'off', detail: 'not configured, the database carries the queue' };
  const redis = new RedisClient(url);
  let lastError: unknown = null;
  redis.on('error', (error: unknown) => (lastError = error));
  try {
    await redis.connect();
    const { persistent } = await checkRedis(redis);
    return persistent
      ? { name, status: 'ok', detail: 'reachable, keeps what it acknowledges' }
      : {
          name,
          status: 'warning',
          detail: 'keeps no append-only file: set appendonly yes, or a restart loses the queue',
        };
  } catch (error) {
    if (error instanceof RedisSetupError) return { name, status: 'failed', detail: error.message };
    const { code, type } = describeError(lastError ?? error);
    return { name, status: 'failed', detail: `cannot be reached (${code ?? type}), check REDIS_URL` };
  } finally {
    redis.disconnect();
  }
}
