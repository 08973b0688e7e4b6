import { Global, Inject, Logger, Module, type OnApplicationShutdown } from '@nestjs/common';
import { describeError } from '../common/describe-error.js';
import { type AppConfig } from '../config/app-config.js';
import { APP_CONFIG } from '../config/config.module.js';
import { RedisClient } from './redis-client.js';
import { checkRedis } from './redis-requirements.js';

/** Redis cannot be used at all. The message is for the operator. */
class RedisUnreachableError extends Error {
  override readonly name = 'RedisUnreachableError';
}

/** The one connection that everything which needs Redis shares. Imported only with REDIS_URL. */
@Global()
@Module({
  providers: [
    { provide: RedisClient, inject: [APP_CONFIG], useFactory: ({ redisUrl }: AppConfig) => openRedis(redisUrl ?? '') },
  ],
  exports: [RedisClient],
})
export class RedisModule implements OnApplicationShutdown {
  constructor(@Inject(RedisClient) private readonly redis: RedisClient) {}

  onApplicationShutdown(): void {
    this.redis.removeAllListeners('close');
    this.redis.disconnect();
  }
}

async function openRedis(url: string): Promise<RedisClient> {
  const logger = new Logger('Redis');
  const redis = new RedisClient(url);
  let lastError: unknown = null;
  redis.on('error', (error: unknown) => (lastError = error));
  try {
    await redis.connect();
  } catch (error) {
    redis.disconnect();
    const { code, message } = describeError(lastError ?? error);
    throw new RedisUnreachableError(`Redis cannot be reached (${code ?? message}), check REDIS_URL.`);
  }
  try {
    const { persistent } = await checkRedis(redis);
    if (!persistent) {
      logger.warn(
        'REDIS KEEPS NO APPEND-ONLY FILE: acknowledged notifications are lost when it stops. Set appendonly yes',
      );
    }
  } catch (error) {
    redis.disconnect();
    throw error;
  }
  tellOutages(redis, logger);
  return redis;
}

/** One line when it goes and one when it is back; every attempt to connect fails in between. */
function tellOutages(redis: RedisClient, logger: Logger): void {
  let away = false;
  redis.on('close', () => {
    if (!away && redis.status !== 'end') logger.error('Redis is away: notifications are refused until it is back');
    away = true;
  });
  redis.on('ready', () => {
    if (away) logger.log('Redis is back');
    away = false;
  });
}
