import { Global, Logger, Module, type OnApplicationShutdown } from '@nestjs/common';
import { describeError } from '../common/words/describe-error.js';
import { withDeadline } from '../common/time/with-deadline.js';
import { AppConfig } from '../config/app-config.js';
import { DatabaseId } from '../database/database-id.js';
import { RedisClient } from './redis-client.js';
import { claimRedis } from './redis-owner.js';
import { checkRedis } from './redis-requirements.js';
import { RedisWatch } from './redis-watch.js';

/** Redis cannot be used at all. The message is for the operator. */
class RedisUnreachableError extends Error {
  override readonly name = 'RedisUnreachableError';
}

/** The one connection that everything which needs Redis shares. Imported only with REDIS_URL. */
@Global()
@Module({
  providers: [
    {
      provide: RedisClient,
      inject: [AppConfig, DatabaseId],
      useFactory: ({ redisUrl }: AppConfig, { value }: DatabaseId) => openRedis(redisUrl ?? '', value),
    },
    RedisWatch,
  ],
  exports: [RedisClient, RedisWatch],
})
export class RedisModule implements OnApplicationShutdown {
  constructor(private readonly redis: RedisClient) {}

  onApplicationShutdown(): void {
    this.redis.removeAllListeners('close');
    this.redis.disconnect();
  }
}

/** Sentinels are asked again and again until one of them knows the primary. */
const CONNECTED_WITHIN_MS = 15_000;

async function openRedis(url: string, databaseId: string): Promise<RedisClient> {
  const logger = new Logger('Redis');
  const redis = new RedisClient(url);
  let lastError: unknown = null;
  redis.on('error', (error: unknown) => (lastError = error));
  try {
    await withDeadline(redis.connect(), CONNECTED_WITHIN_MS);
  } catch (error) {
    redis.disconnect();
    const { code, message } = describeError(lastError ?? error);
    throw new RedisUnreachableError(`Redis cannot be reached (${code ?? message}), check REDIS_URL.`);
  }
  try {
    await checkRedis(redis);
    await claimRedis(redis, databaseId);
  } catch (error) {
    redis.disconnect();
    throw error;
  }
  tellOutages(redis, logger);
  return redis;
}

/** A replica that becomes the primary ends no connection: it is asked again. */
const PROMOTED_LOOK_EVERY_MS = 1000;

/**
 * One line when it goes and one when it is back; every attempt to connect fails in between. After a failover that is not
 * through yet, the connection leads to a replica: it is dropped again, or its Redis becomes the primary after all.
 */
function tellOutages(redis: RedisClient, logger: Logger): void {
  let away = false;
  let nextLook: NodeJS.Timeout | undefined;
  redis.on('close', () => {
    clearTimeout(nextLook);
    if (!away && redis.status !== 'end') logger.error('Redis is away: notifications are refused until it is back');
    away = true;
  });
  redis.on('ready', () => {
    if (away) void tellReturn();
  });

  async function tellReturn(): Promise<void> {
    clearTimeout(nextLook);
    const isPrimary = await checkRedis(redis).then(
      ({ replica }) => !replica,
      () => false,
    );
    if (!away || redis.status !== 'ready') return;
    if (!isPrimary) {
      nextLook = setTimeout(() => void tellReturn(), PROMOTED_LOOK_EVERY_MS).unref();
      return;
    }
    away = false;
    logger.log('Redis is back');
  }
}
