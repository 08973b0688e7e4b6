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
 * Cuts each connection to MariaDB or MySQL that is in use and hears nothing for `ms`, which fails the statement that it
 * waits for. The driver alone would wait for ever, with its connection and whoever asked. Its time-out of statements
 * would leave the connection in the pool, with the next statement stuck behind the one that is not answered.
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
