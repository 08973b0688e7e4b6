import { type AppConfig } from './app-config.js';

/** The process's place in its instance: with WORKERS above 1 one process leads and the others follow. */
export type Seat = 'alone' | 'leader' | 'follower';

/** What this process does of the instance's work. */
export abstract class Duties {
  /** Answers onion requests. */
  abstract readonly accepts: boolean;
  /** Takes notifications from the queue and sends them. */
  abstract readonly delivers: boolean;
  /** Watches the storage network for those who subscribed. */
  abstract readonly watches: boolean;
  /** Does what is done once in an instance: the lock, migrations, backups. Scheduled work of that kind begins by asking. */
  abstract readonly leads: boolean;
}

/** The embedded queue is delivered by one process; with Redis each may deliver. */
export function dutiesOf({ role, redisUrl }: Pick<AppConfig, 'role' | 'redisUrl'>, seat: Seat = 'alone'): Duties {
  const leads = seat !== 'follower';
  return {
    accepts: role === 'all' || role === 'api',
    delivers: (role === 'all' || role === 'worker') && (leads || redisUrl !== null),
    watches: (role === 'all' || role === 'monitor') && leads,
    leads,
  };
}
