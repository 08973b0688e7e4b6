import { type DataSource } from 'typeorm';

interface Pool {
  on(event: 'acquire' | 'release', listener: (connection: { stream: Socket }) => void): void;
}

interface Socket {
  setTimeout(ms: number): void;
  on(event: 'timeout', listener: () => void): void;
  listenerCount(event: 'timeout'): number;
  destroy(error: Error): void;
}

/** The database server is there and says nothing, or the network to it loses everything. */
class DatabaseSilentError extends Error {
  override readonly name = 'DatabaseSilentError';
  readonly code = 'DATABASE_SILENT';
}

/**
 * Cuts each connection to MariaDB or MySQL that waits for an answer and receives nothing for `ms`; its statement fails. The
 * driver itself would wait for ever. Its own statement time-out would leave the connection in the pool, and the next
 * statement would wait behind the unanswered one.
 *
 * Not for migrations, which may think for long. SQLite has no connections, there nothing happens.
 */
export function cutSilentConnections({ driver }: DataSource, ms: number): void {
  const pool = 'pool' in driver ? (driver.pool as Pool) : null;
  pool?.on('acquire', ({ stream }) => {
    if (stream.listenerCount('timeout') === 0) {
      stream.on('timeout', () => stream.destroy(new DatabaseSilentError(`The database said nothing for ${ms} ms`)));
    }
    stream.setTimeout(ms);
  });
  pool?.on('release', ({ stream }) => stream.setTimeout(0));
}
