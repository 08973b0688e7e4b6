import { Redis, type RedisOptions } from 'ioredis';

/** Everything that is kept in Redis has it before its name. */
export const KEY_PREFIX = 'session-push';

/** A client waits at most 25 s for its answer; whatever needs Redis fails well before that. */
const COMMAND_TIMEOUT_MS = 4000;
const CONNECT_TIMEOUT_MS = 4000;
const MAX_RECONNECT_PAUSE_MS = 1000;

/**
 * A connection whose commands fail soon while Redis is away, instead of waiting for it: who asked must hear that it
 * did not work. It connects again by itself.
 */
export class RedisClient extends Redis {
  constructor(url: string) {
    super(url, {
      lazyConnect: true,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: null,
      commandTimeout: COMMAND_TIMEOUT_MS,
      connectTimeout: CONNECT_TIMEOUT_MS,
      retryStrategy: (attempts) => Math.min(attempts * 50, MAX_RECONNECT_PAUSE_MS),
    });
  }

  /** BullMQ duplicates the client for the command that waits for jobs: that one takes as long as it takes. */
  override duplicate(override?: Partial<RedisOptions>): Redis {
    return super.duplicate({
      ...override,
      enableOfflineQueue: true,
      autoResendUnfulfilledCommands: true,
      commandTimeout: undefined,
    });
  }
}
