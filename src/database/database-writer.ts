import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource, type EntityManager, QueryFailedError } from 'typeorm';
import { gathered } from '../common/bounds/gathered.js';
import { MetricsService } from '../metrics/metrics.service.js';
import { writersOf } from './database-options.js';
import { inImmediateTransaction, isBusy } from './immediate-transaction.js';
import { isFailover } from './mysql/connection-generations.js';
import { FlushFailedError, WalFlush } from './wal-flush.js';

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
/** SQLite works within the event loop: after so long a group commits, and others have their turn before the rest of it. */
const MAX_GROUP_MS = 50;
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

/** What is left of the disk is for what is queued already; the work was not begun. */
class DiskReserveError extends Error {
  override readonly name = 'DiskReserveError';
  constructor() {
    super('The disk is nearly full: nothing new is registered');
  }
}

/**
 * The only way to write to the database: each piece of work is one transaction, committed when the promise resolves.
 *
 * On SQLite TypeORM shares one connection, where concurrent transactions fail and a stray write joins the transaction that
 * is open. So work is queued; what waits together shares one transaction and one disk flush, within a bound of time. When a
 * piece of such a group fails, the group is rolled back and its pieces run one by one, so that only that piece is refused.
 * Work must therefore be safe to run again: no effects outside the database.
 *
 * On MariaDB and MySQL each piece is a transaction of its own on the pool; a deadlock victim runs again. They read what
 * is committed: the stricter default locks the gaps between keys, where many new phones at once only deadlock. No more
 * of them run at once than leave some connections to readers.
 */
@Injectable()
export class DatabaseWriter implements OnApplicationShutdown {
  private readonly sharedConnection: boolean;
  private readonly flush: WalFlush;
  private isFull: () => boolean = () => false;
  /** Groups on SQLite, of which there is one at a time, or transactions on the pool. */
  private readonly maxRunning: number;
  private waiting: Waiting[] = [];
  private running = 0;

  constructor(
    private readonly dataSource: DataSource,
    private readonly metrics: MetricsService,
  ) {
    this.sharedConnection = dataSource.options.type === 'better-sqlite3';
    this.flush = new WalFlush(dataSource);
    this.maxRunning = this.sharedConnection ? 1 : writersOf(dataSource.options.poolSize ?? 0);
  }

  onApplicationShutdown(): Promise<void> {
    return this.close();
  }

  /** Gives back what it holds beside the data source's connections. */
  close(): Promise<void> {
    return this.flush.close();
  }

  /** @param isFull asked before each piece of work that makes the database larger */
  refuseGrowthWhile(isFull: () => boolean): void {
    this.isFull = isFull;
  }

  /** Writes what makes the database larger for good: a registration, a membership. Refused while the disk is nearly full. */
  writeGrowth<T>(work: Work<T>): Promise<T> {
    return this.isFull() ? Promise.reject(new DiskReserveError()) : this.write(work);
  }

  write<T>(work: Work<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const since = performance.now();
      this.waiting.push({ work, since, resolve: resolve as (value: unknown) => void, reject });
      if (this.running >= this.maxRunning) return;
      this.running++;
      void (this.sharedConnection ? this.runGroups() : this.runOnPool());
    });
  }

  private async runGroups(): Promise<void> {
    while (this.waiting.length > 0) {
      await gathered(() => this.waiting.length);
      const group = this.waiting.splice(0, MAX_GROUP).filter((waiting) => this.isInTime(waiting));
      if (await this.tryTogether(group)) continue;
      for (const single of group) if (this.isInTime(single)) await this.runAlone(single);
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
      const values = await inImmediateTransaction(this.dataSource, this.flush, (manager) => runInTime(manager, group));
      this.metrics.groupCommitted('transactions', values.length);
      group.slice(0, values.length).forEach(({ resolve }, index) => resolve(values[index]));
      this.waiting.unshift(...group.slice(values.length));
      return true;
    } catch (error) {
      // Which piece failed shows when they run alone, and its caller gets the error there. Nothing of a group that could
      // not begin failed, and each alone would have to wait for as long. What is committed must not run again.
      if (!isBusy(error) && !(error instanceof FlushFailedError)) return false;
      for (const { reject } of group) reject(error);
      return true;
    }
  }

  private async runAlone({ work, resolve, reject }: Waiting): Promise<void> {
    try {
      const value = await inImmediateTransaction(this.dataSource, this.flush, work);
      this.metrics.groupCommitted('transactions', 1);
      resolve(value);
    } catch (error) {
      reject(error);
    }
  }

  private async retryDeadlocks<T>(work: Work<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        const value = await this.dataSource.transaction('READ COMMITTED', work);
        this.metrics.groupCommitted('transactions', 1);
        return value;
      } catch (error) {
        if (attempt >= MAX_ATTEMPTS || !isTransient(error)) throw error;
        await sleep(Math.random() * RETRY_SPREAD_MS * attempt);
      }
    }
  }
}

/** The results of those pieces that time is enough for, from the first on; one at least. */
async function runInTime(manager: EntityManager, group: readonly Waiting[]): Promise<unknown[]> {
  const end = performance.now() + MAX_GROUP_MS;
  const results: unknown[] = [];
  for (const { work } of group) {
    if (results.length > 0 && performance.now() >= end) break;
    results.push(await work(manager));
  }
  return results;
}

/** InnoDB rolled the transaction back because of others, two of them inserted the same key at once, or another server took over. */
function isTransient(error: unknown): boolean {
  const driverError: unknown = error instanceof QueryFailedError ? error.driverError : undefined;
  if (typeof driverError !== 'object' || driverError === null || !('code' in driverError)) return false;
  const code = String(driverError.code);
  return ['ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT', 'ER_DUP_ENTRY'].includes(code) || isFailover(code);
}
