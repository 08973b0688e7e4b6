import { type PoolConnection, type QueryError } from 'mysql2';

/** A server in the middle of a failover is not asked for new connections all the time. */
const RETIRE_EVERY_MS = 500;

/** What a server that is only a copy by now answers to a write. */
const READ_ONLY: ReadonlySet<string> = new Set([
  // 1290, `read_only` is on; also what Aurora's former writer answers.
  'ER_OPTION_PREVENTS_STATEMENT',
  // 1792, the session or the server is in a read-only transaction mode.
  'ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION',
  // 1836, InnoDB is read-only.
  'ER_READ_ONLY_MODE',
]);
const RETIRED = 'CONNECTION_RETIRED';

/** The connection leads to a server that lost its place; the same work may be done on a new one. */
class RetiredConnectionError extends Error {
  override readonly name = 'RetiredConnectionError';
  readonly code = RETIRED;
  constructor() {
    super('The connection leads to a database server that takes no writes any more');
  }
}

/** Nothing was written, and a new connection may lead to the server that took over. */
export const isFailover = (code: string): boolean => READ_ONLY.has(code) || code === RETIRED;

/** After a silence it is not known what was written, but the server may be gone with all connections to it. */
const showsFailover = (code: string): boolean => READ_ONLY.has(code) || code === 'DATABASE_SILENT';

type Answered = (error: QueryError | null, ...results: unknown[]) => void;

/**
 * After a failover the address of the database leads somewhere else, but connections that are open stay where they are, for
 * ever. When one of them shows that its server lost its place, it and all that are as old are given up: what they do at that
 * moment ends, and nothing new is done on them.
 */
export class ConnectionGenerations {
  private current = 0;
  private retiredAt = -Infinity;
  private readonly generations = new WeakMap<PoolConnection, number>();

  /** Watches what a new connection is answered. */
  adopt(connection: PoolConnection): void {
    this.generations.set(connection, this.current);
    const query = connection.query.bind(connection) as (...args: unknown[]) => unknown;
    const watched = (...args: unknown[]): unknown => {
      const answered = args.at(-1);
      if (typeof answered !== 'function') return query(...args);
      if (this.isOutdated(connection)) {
        connection.destroy();
        return (answered as Answered)(new RetiredConnectionError() as unknown as QueryError);
      }
      return query(...args.slice(0, -1), (error: QueryError | null, ...results: unknown[]) => {
        if (error && showsFailover(error.code)) this.retire();
        (answered as Answered)(error, ...results);
      });
    };
    Object.assign(connection, { query: watched });
  }

  isOutdated(connection: PoolConnection): boolean {
    return (this.generations.get(connection) ?? this.current) < this.current;
  }

  private retire(): void {
    if (performance.now() - this.retiredAt < RETIRE_EVERY_MS) return;
    this.retiredAt = performance.now();
    this.current++;
  }
}
