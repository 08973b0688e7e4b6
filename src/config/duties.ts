import { type AppConfig } from './app-config.js';

/** Injection token of the {@link Duties}. */
export const DUTIES = Symbol('DUTIES');

/** The process's place in its instance: with WORKERS above 1 one process leads and the others follow. */
export type Seat = 'alone' | 'leader' | 'follower';

/** What this process does of the instance's work. */
export interface Duties {
  /** Answers onion requests. */
  readonly accepts: boolean;
  /** Takes notifications from the queue and sends them. */
  readonly delivers: boolean;
  /** Does what is done once in an instance: the lock, migrations, backups. */
  readonly leads: boolean;
}

/** The embedded queue is delivered by one process; with Redis each may deliver. */
export function dutiesOf({ role, redisUrl }: Pick<AppConfig, 'role' | 'redisUrl'>, seat: Seat = 'alone'): Duties {
  const leads = seat !== 'follower';
  return { accepts: role !== 'worker', delivers: role !== 'api' && (leads || redisUrl !== null), leads };
}
