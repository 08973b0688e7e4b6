import { type Pool, type PoolConnection } from 'mysql2';

export type Taken = (error: NodeJS.ErrnoException | null, connection: PoolConnection) => void;

/** Also those that are about to be made. */
const ALL = '_allConnections';

/** What of a pool is not in its types. */
interface Limited {
  readonly config: { connectionLimit: number };
  readonly [ALL]: { readonly length: number };
}

/** The server, or the user's own limit, lets no more connections in. */
const NO_MORE: ReadonlySet<string> = new Set([
  'ER_CON_COUNT_ERROR',
  'ER_USER_LIMIT_REACHED',
  'ER_TOO_MANY_USER_CONNECTIONS',
]);

/** After this it is tried again whether the server lets more connections in. */
const TRY_MORE_AFTER_MS = 10_000;

/**
 * A server that allows fewer connections than the pool may have is no reason to fail: the pool stays as large as it is for
 * a while, and who asks waits for one of its connections. When it has none, the server's error is what there is to say.
 */
export function withinLimit(pool: Pool): (taken: Taken) => void {
  const limited = pool as unknown as Limited;
  const wanted = limited.config.connectionLimit;
  const take: (taken: Taken) => void = pool.getConnection.bind(pool);
  return function getConnection(taken: Taken): void {
    take((error, connection) => {
      const ours = limited[ALL].length;
      if (!error || !NO_MORE.has(error.code ?? '') || ours === 0) {
        taken(error, connection);
        return;
      }
      limited.config.connectionLimit = ours;
      setTimeout(() => (limited.config.connectionLimit = wanted), TRY_MORE_AFTER_MS).unref();
      getConnection(taken);
    });
  };
}
