import { setTimeout as sleep } from 'node:timers/promises';
import { type DataSource, type EntityManager, QueryFailedError, type QueryRunner } from 'typeorm';
import { BUSY_TIMEOUT_MS } from './database-options.js';
import { type WalFlush } from './wal-flush.js';

/** Well below the 25 s after which a client gives up. */
const GIVE_UP_AFTER_MS = 10_000;
const MAX_PAUSE_MS = 5;

/**
 * Runs a transaction on SQLite that has the right to write from its beginning.
 *
 * TypeORM begins without it. Then a transaction that has read before another process wrote is refused at its first
 * write, however long it would wait. The waiting is done here and not by SQLite, whose own would hold up the event loop.
 */
export async function inImmediateTransaction<T>(
  dataSource: DataSource,
  flush: WalFlush,
  work: (manager: EntityManager) => Promise<T>,
): Promise<T> {
  const result = await commit(dataSource, flush, work);
  await flush.flushed();
  return result;
}

async function commit<T>(
  dataSource: DataSource,
  flush: WalFlush,
  work: (manager: EntityManager) => Promise<T>,
): Promise<T> {
  const runner = dataSource.createQueryRunner();
  await flush.prepare(runner);
  await begin(runner);
  try {
    const result = await work(runner.manager);
    await runner.query('COMMIT');
    return result;
  } catch (error) {
    // SQLite may have rolled back already, after a full disk for example.
    await runner.query('ROLLBACK').catch(() => undefined);
    throw error;
  } finally {
    await runner.release();
  }
}

async function begin(runner: QueryRunner): Promise<void> {
  for (const end = performance.now() + GIVE_UP_AFTER_MS; ; await sleep(1 + Math.random() * MAX_PAUSE_MS)) {
    try {
      await withoutWaiting(runner, () => runner.query('BEGIN IMMEDIATE'));
      return;
    } catch (error) {
      if (!isBusy(error) || performance.now() > end) throw error;
    }
  }
}

/** Reads keep SQLite's own patience: they wait for others only in rare moments, while a file is recovered for example. */
async function withoutWaiting(runner: QueryRunner, work: () => Promise<unknown>): Promise<void> {
  await runner.query('PRAGMA busy_timeout = 0');
  try {
    await work();
  } finally {
    await runner.query(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  }
}

/** Another process had the right to write, all the time. */
export function isBusy(error: unknown): boolean {
  const cause: unknown = error instanceof QueryFailedError ? error.driverError : undefined;
  return cause instanceof Error && 'code' in cause && String(cause.code).startsWith('SQLITE_BUSY');
}
