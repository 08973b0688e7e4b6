import fs from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { type DataSource, type QueryRunner } from 'typeorm';
import { flushPath } from './flush-path.js';

const openDescriptor = promisify(fs.open);
const closeDescriptor = promisify(fs.close);
const flushData = promisify((descriptor: number, done: fs.NoParamCallback) => fs.fdatasync(descriptor, done));

/** The transaction is committed, and may be lost all the same when the power fails: no caller may be told that it is done. */
export class FlushFailedError extends Error {
  override readonly name = 'FlushFailedError';
  constructor(cause: unknown) {
    super('What was committed could not be flushed to disk', { cause });
  }
}

/**
 * Waits until what SQLite committed is on disk, in a thread of the runtime instead of the event loop.
 *
 * SQLite in WAL mode with `synchronous=FULL` flushes its log within `COMMIT`. With `NORMAL` a commit only writes it, and
 * nothing else changes: what is on disk is a prefix of the commits, and SQLite flushes the log by itself before it moves
 * anything to the database. Flushing after the commit and before anybody is told keeps the promise of `FULL`.
 *
 * Where there is no such log (in memory, a file system that cannot have one), SQLite goes on flushing.
 * Source: sqlite.org, "PRAGMA synchronous" and "Write-Ahead Logging".
 */
export class WalFlush {
  /** Null = SQLite flushes. */
  private path: string | null = null;
  private descriptor: Promise<number> | null = null;
  private flushing: Promise<void> | null = null;
  /** What a failed flush may have lost, a later one does not bring: the system counts those pages as written. */
  private failed = false;

  /** @param dataSource of SQLite, with its one connection */
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Before a transaction: takes the flushing over from SQLite, as soon as there is a log.
   *
   * @throws QueryFailedError and what the file system says, when a flush failed and the disk is not well yet
   */
  async prepare(runner: QueryRunner): Promise<void> {
    if (this.path === null) await this.takeOver(runner);
    if (this.failed) await this.moveLogToDatabase(runner);
  }

  /**
   * After a transaction's `COMMIT`; one at a time.
   *
   * @throws FlushFailedError
   */
  async flushed(): Promise<void> {
    if (this.path === null) return;
    try {
      await (this.flushing = this.flush(this.path));
    } catch (error) {
      this.failed = true;
      throw new FlushFailedError(error);
    } finally {
      this.flushing = null;
    }
  }

  /** Gives the descriptor back; it is opened again when something is committed later. */
  async close(): Promise<void> {
    await this.flushing?.catch(() => undefined);
    const { descriptor } = this;
    this.descriptor = null;
    if (descriptor) await closeDescriptor(await descriptor);
  }

  private async takeOver(runner: QueryRunner): Promise<void> {
    const { database } = this.dataSource.options;
    const [mode] = (await runner.query('PRAGMA journal_mode')) as { journal_mode: string }[];
    if (typeof database !== 'string' || mode?.journal_mode !== 'wal') return;
    const path = `${database}-wal`;
    const descriptor = await openDescriptor(path, 'r+').catch(() => null);
    // Not written to yet: the first commit makes it.
    if (descriptor === null) return;
    this.descriptor = Promise.resolve(descriptor);
    // So that the log's name is there after a power failure, too.
    await flushPath(dirname(path));
    await runner.query('PRAGMA synchronous = NORMAL');
    this.path = path;
  }

  private async flush(path: string): Promise<void> {
    this.descriptor ??= openDescriptor(path, 'r+');
    await flushData(await this.descriptor);
  }

  /** The pages in memory are still right: written to the database and flushed, they need no log. */
  private async moveLogToDatabase(runner: QueryRunner): Promise<void> {
    const [result] = (await runner.query('PRAGMA wal_checkpoint(TRUNCATE)')) as { busy: number }[];
    if (result?.busy !== 0) throw new Error('A flush to disk failed, and the log is still in use');
    this.failed = false;
  }
}
