import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { LOG_BYTES, PAGE_BYTES } from './database-options.js';

/** Beside the built program it is a `.js`, among the sources a `.ts`. */
const PROGRAM = new URL(`wal-thread.process${extname(import.meta.url)}`, import.meta.url);
/** It holds next to nothing. */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16, stackSizeMb: 1 };

/** What SQLite says of a checkpoint; the figures are pages, and -1 where there is no log. Source: sqlite.org, "PRAGMA wal_checkpoint". */
export interface Checkpoint {
  /** 1 = somebody writes, reads an earlier state or moves the log as well. */
  readonly busy: number;
  /** In the log. */
  readonly log: number;
  /** Of those, moved to the database. */
  readonly checkpointed: number;
  /** The thread has written the first page of a new log. */
  readonly begun: boolean;
}

/** Of the log when nothing but its beginning is there. Source: sqlite.org, "WAL-mode File Format". */
export const BEGUN_BYTES = 32 + 24 + PAGE_BYTES;

/** Looks; moves what it can; moves all and begins the log anew; that, and cuts the file. */
export type CheckpointMode = 'NOOP' | 'PASSIVE' | 'RESTART' | 'TRUNCATE';

type Answer = { readonly result: Checkpoint } | { readonly problem: string };

interface Asked {
  readonly resolve: (checkpoint: Checkpoint) => void;
  readonly reject: (problem: Error) => void;
}

/** A thread that does checkpoints of a SQLite database, one after the other. It waits for nobody's lock. */
export class WalThread {
  private readonly worker: Worker;
  private readonly ended: Promise<void>;
  /** Oldest first, which is how they are answered. */
  private readonly asked: Asked[] = [];
  private problem: Error | null = null;

  constructor(path: string) {
    this.worker = new Worker(PROGRAM, {
      workerData: { path, logBytes: LOG_BYTES },
      resourceLimits: RESOURCE_LIMITS,
      execArgv: [],
    });
    this.ended = new Promise((resolve) => this.worker.once('exit', () => resolve()));
    this.worker.on('message', (answer: Answer) => {
      const asked = this.asked.shift();
      if ('result' in answer) asked?.resolve(answer.result);
      else asked?.reject(new Error(answer.problem));
    });
    this.worker.on('error', (problem: Error) => this.end(problem));
    this.worker.on('exit', () => this.end(new Error('The thread that moves the log has ended')));
  }

  /** @throws Error with what SQLite says, or what the thread died of */
  checkpoint(mode: CheckpointMode): Promise<Checkpoint> {
    return new Promise((resolve, reject) => {
      if (this.problem) return reject(this.problem);
      this.asked.push({ resolve, reject });
      this.worker.postMessage(mode, []);
    });
  }

  get hasEnded(): boolean {
    return this.problem !== null;
  }

  /** After what it was asked for. It ends by itself: V8 may abort the process when a thread is ended by force while it still loads what it needs. */
  async close(): Promise<void> {
    this.worker.postMessage(null, []);
    await this.ended;
  }

  private end(problem: Error): void {
    this.problem ??= problem;
    for (const { reject } of this.asked.splice(0)) reject(this.problem);
  }
}
