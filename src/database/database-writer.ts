import { Injectable, Optional } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource, type EntityManager, QueryFailedError } from 'typeorm';
import { MetricsService } from '../metrics/metrics.service.js';
import { MAX_WRITERS } from './database-options.js';
import { inImmediateTransaction, isBusy } from './immediate-transaction.js';

type Work<T> = (manager: EntityManager) => Promise<T>;

interface Waiting {
  work: Work<unknown>;
  /** Of `performance.now()`. */
  since: number;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

const MAX_GROUP = 256;
const MAX_ATTEMPTS = 5;
/** Work that waited this long is refused: who asked for it is about to give up, and what comes behind it must have its turn. */
const MAX_WAIT_MS = 10_000;
/** Transactions that stood in each other's way do not try again in step. */
const RETRY_SPREAD_MS = 20;

/** The database is too slow or does not answer; the work was not begun. */
class DatabaseBusyError extends Error {
  override readonly name = 'DatabaseBusyError';
  constructor() {
    super(`The database did not get to the work within ${MAX_WAIT_MS} ms`);
  }
}

/**
 * The only way to write to the database: each piece of work is one transaction, committed when the promise resolves.
 *
 * On SQLite TypeORM shares one connection, where concurrent transactions fail and a stray write joins whatever
 * transaction is open. So work is queued, and what waits together shares one transaction and one disk flush. When a
 * piece of such a group fails, the group is rolled back and its pieces run one by one, so that only that piece is
 * refused. Work must therefore be safe to run again: no effects outside the database.
 *
 * On MariaDB and MySQL each piece is a transaction of its own on the pool; a deadlock victim runs again. They read what
 * is committed: the stricter default locks the gaps between keys, where many new phones at once only deadlock. No more
 * of them run at once than leave some connections to readers.
 */
@Injectable()
export class DatabaseWriter {
  private readonly sharedConnection: boolean;
  private waiting: Waiting[] = [];
  /** Groups on SQLite, of which there is one at a time, or transactions on the pool. */
  private running = 0;

  /** A command line has nobody to show metrics to. */
  constructor(
    private readonly dataSource: DataSource,
    @Optional() private readonly metrics?: MetricsService,
  ) {
    this.sharedConnection = dataSource.options.type === 'better-sqlite3';
  }

  write<T>(work: Work<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const since = performance.now();
      this.waiting.push({ work, since, resolve: resolve as (value: unknown) => void, reject });
      if (this.running >= (this.sharedConnection ? 1 : MAX_WRITERS)) return;
      this.running++;
      void (this.sharedConnection ? this.runGroups() : this.runOnPool());
    });
  }

  private async runGroups(): Promise<void> {
    while (this.waiting.length > 0) {
      // A disk flush blocks the event loop: let the requests that came meanwhile join the group.
      await new Promise((resolve) => setImmediate(resolve));
      const group = this.waiting.splice(0, MAX_GROUP).filter((waiting) => this.isInTime(waiting));
      if (!(await this.tryTogether(group))) for (const single of group) await this.runAlone(single);
    }
    this.running--;
  }

  private async runOnPool(): Promise<void> {
    for (let next = this.waiting.shift(); next; next = this.waiting.shift()) {
      if (this.isInTime(next)) await this.retryDeadlocks(next.work).then(next.resolve, next.reject);
    }
    this.running--;
  }

  private isInTime({ since, reject }: Waiting): boolean {
    if (performance.now() - since < MAX_WAIT_MS) return true;
    reject(new DatabaseBusyError());
    return false;
  }

  private async tryTogether(group: Waiting[]): Promise<boolean> {
    if (group.length < 2) return false;
    try {
      const values = await inImmediateTransaction(this.dataSource, async (manager) => {
        const results: unknown[] = [];
        for (const { work } of group) results.push(await work(manager));
        return results;
      });
      this.metrics?.groupCommitted('transactions', group.length);
      group.forEach(({ resolve }, index) => resolve(values[index]));
      return true;
    } catch (error) {
      // Which piece failed shows when they run alone, and its caller gets the error there. Nothing of a group that could
      // not begin failed, and each alone would have to wait for as long.
      if (!isBusy(error)) return false;
      for (const { reject } of group) reject(error);
      return true;
    }
  }

  private async runAlone({ work, resolve, reject }: Waiting): Promise<void> {
    try {
      const value = await inImmediateTransaction(this.dataSource, work);
      this.metrics?.groupCommitted('transactions', 1);
      resolve(value);
    } catch (error) {
      reject(error);
    }
  }

  private async retryDeadlocks<T>(work: Work<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        const value = await this.dataSource.transaction('READ COMMITTED', work);
        this.metrics?.groupCommitted('transactions', 1);
        return value;
      } catch (error) {
        if (attempt >= MAX_ATTEMPTS || !isTransient(error)) throw error;
        await sleep(Math.random() * RETRY_SPREAD_MS * attempt);
      }
    }
  }
}

/** InnoDB rolled the transaction back because of others, or two of them inserted the same key at once. */
function isTransient(error: unknown): boolean {
  const driverError: unknown = error instanceof QueryFailedError ? error.driverError : undefined;
  if (typeof driverError !== 'object' || driverError === null || !('code' in driverError)) return false;
  return ['ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT', 'ER_DUP_ENTRY'].includes(String(driverError.code));
}
