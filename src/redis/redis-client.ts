import { Redis, type RedisOptions } from 'ioredis';
import { parseRedisUrl, type RedisAddress } from '../config/redis-url.js';

/** Every key in Redis begins with it. */
export const KEY_PREFIX = 'session-push';

/** A client waits at most 25 s for its answer; whatever needs Redis fails well before that. */
const COMMAND_TIMEOUT_MS = 4000;
const CONNECT_TIMEOUT_MS = 4000;
const MAX_RECONNECT_PAUSE_MS = 1000;

/** After this long without an answer a connection is dropped: a new one may reach the Redis that took over. */
const MAX_SILENCE_MS = 5000;
/** Longer than the command that waits for jobs may wait. */
const MAX_SILENCE_OF_WAITING_MS = 20_000;

/** A Redis that stays a replica is not connected to again by every command. */
const LEAVE_REPLICA_EVERY_MS = 1000;

/**
 * A connection whose commands fail soon while Redis is away, instead of waiting for it, so that the client is told in time.
 * It connects again by itself.
 *
 * After a failover the address leads to another Redis, but a connection that is open stays where it is: when that one
 * turns out to be a replica by now, or says nothing, the connection is dropped for a new one.
 */
export class RedisClient extends Redis {
  constructor(url: string) {
    super({
      ...placeOf(parseRedisUrl(url)),
      lazyConnect: true,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: null,
      commandTimeout: COMMAND_TIMEOUT_MS,
      connectTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: MAX_SILENCE_MS,
      retryStrategy: (attempts) => Math.min(attempts * 50, MAX_RECONNECT_PAUSE_MS),
      reconnectOnError: leaveReplica(),
    });
  }

  /** BullMQ duplicates the client for the command that waits for jobs: that one takes as long as it takes. */
  override duplicate(override?: Partial<RedisOptions>): Redis {
    return super.duplicate({
      ...override,
      enableOfflineQueue: true,
      autoResendUnfulfilledCommands: true,
      commandTimeout: undefined,
      socketTimeout: MAX_SILENCE_OF_WAITING_MS,
      reconnectOnError: leaveReplica(),
    });
  }
}

function placeOf({ servers, username, password, number, tls }: RedisAddress): RedisOptions {
  const common = {
    db: number,
    ...(username === null ? {} : { username }),
    ...(password === null ? {} : { password }),
    ...(tls ? { tls: {} } : {}),
  };
  switch (servers.kind) {
    case 'one':
      return { ...common, host: servers.host, port: servers.port };
    case 'sentinel':
      return {
        ...common,
        sentinels: [...servers.sentinels],
        name: servers.name,
        enableTLSForSentinelMode: tls,
        // The sentinels tell of a failover, before anything fails.
        failoverDetector: true,
      };
  }
}

/** `READONLY` is the answer to a write, a script's too; `UNBLOCKED` ends a wait when Redis becomes a replica. */
function leaveReplica(): (error: Error) => boolean {
  let leftAt = -Infinity;
  return ({ message }) => {
    if (!/\b(?:READONLY|UNBLOCKED)\b/.test(message)) return false;
    if (performance.now() - leftAt < LEAVE_REPLICA_EVERY_MS) return false;
    leftAt = performance.now();
    return true;
  };
}
