import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { describeError } from '../common/words/describe-error.js';
import { AppConfig } from '../config/app-config.js';
import { Duties } from '../config/duties.js';
import { LOG_BYTES, PAGE_BYTES } from './database-options.js';
import { BEGUN_BYTES, type CheckpointMode, WalThread } from './wal-thread.js';

const EVERY_MS = 60_000;
const LOOK_MS = 250;
/** A writer or a backup holds the log; between two transactions neither does. */
const ATTEMPTS = 20;
const PAUSE_MS = 10;
/** What a commit leaves to be moved, at most; above that it moves the log itself, which holds up everything and bounds the log. */
const MAX_LOG_BYTES = 4 * LOG_BYTES;

/**
 * Moves SQLite's write-ahead log to the database before a commit has to, and empties it once a minute.
 *
 * SQLite flushes the database to disk then, so a thread does it: on the event loop nothing else would be done meanwhile. First all is
 * moved that nobody has to wait for, then the rest, while nobody writes.
 *
 * What was deleted is overwritten in the database, but the log keeps pages as they were until their places in it are used again,
 * which on a quiet server is never. So it is emptied.
 */
@Injectable()
export class WalMoves implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(WalMoves.name);

  private readonly path: string | null;
  private thread: WalThread | null = null;
  /** When it was emptied, the thread wrote its first page. */
  private isBegun = false;
  /** What is done with the log now. */
  private current: Promise<unknown> | null = null;
  /** Of `performance.now()`. */
  private pausedUntil = 0;
  private hasStopped = false;

  constructor(
    { database }: AppConfig,
    private readonly duties: Duties,
    private readonly dataSource: DataSource,
  ) {
    this.path = database.kind === 'sqlite' ? database.path : null;
  }

  async onModuleInit(): Promise<void> {
    if (this.path !== null) await this.dataSource.query(`PRAGMA wal_autocheckpoint = ${MAX_LOG_BYTES / PAGE_BYTES}`);
  }

  async onApplicationShutdown(): Promise<void> {
    this.hasStopped = true;
    await this.current;
    await this.thread?.close();
  }

  @Interval(LOOK_MS)
  async moveLong(): Promise<void> {
    const { path } = this;
    if (path === null || !this.duties.leads || this.current || performance.now() < this.pausedUntil) return;
    await this.alone('moved', () => this.move(path));
  }

  /** False = others were in the way all the time, or it failed; the next minute comes. */
  @Interval(EVERY_MS)
  async truncate(): Promise<boolean> {
    const { path } = this;
    if (path === null || !this.duties.leads) return true;
    await this.current;
    return (await this.alone('emptied', () => this.empty(path))) ?? false;
  }

  private async move(path: string): Promise<void> {
    if (sizeOf(path) < LOG_BYTES) return;
    const { log, checkpointed } = await this.usableThread(path).checkpoint('NOOP');
    if (log * PAGE_BYTES >= LOG_BYTES && checkpointed < log) await this.moveAll(path, 'RESTART');
  }

  private async empty(path: string): Promise<boolean> {
    const size = sizeOf(path);
    return size === 0 || (this.isBegun && size === BEGUN_BYTES) || (await this.moveAll(path, 'TRUNCATE'));
  }

  private async moveAll(path: string, last: CheckpointMode): Promise<boolean> {
    const thread = this.usableThread(path);
    await thread.checkpoint('PASSIVE');
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { busy, begun } = await thread.checkpoint(last);
      this.isBegun = begun;
      if (busy === 0) return true;
      await sleep(PAUSE_MS * (1 + Math.random()));
    }
    return false;
  }

  private usableThread(path: string): WalThread {
    if (this.thread?.hasEnded !== false) this.thread = new WalThread(path);
    return this.thread;
  }

  /** Null = it failed. */
  private async alone<T>(what: string, work: () => Promise<T>): Promise<T | null> {
    if (this.hasStopped) return null;
    const current = work().catch((error: unknown) => {
      this.pausedUntil = performance.now() + EVERY_MS;
      this.logger.warn({ msg: `the write-ahead log could not be ${what}`, error: describeError(error) });
      return null;
    });
    this.current = current;
    try {
      return await current;
    } finally {
      this.current = null;
    }
  }
}

const sizeOf = (path: string): number => statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
