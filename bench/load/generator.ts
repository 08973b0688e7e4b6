import { join } from 'node:path';
import { Child } from '../child.js';
import { type Population } from '../database/population.js';
import { type Checked, type LoadOrder, type LoadRun, type Prepared, type RequestShape } from './load-orders.js';

export interface Batch {
  readonly count: number;
  readonly shapes: readonly RequestShape[];
  readonly population: Population;
}

export interface PreparedBatch extends Prepared {
  readonly count: number;
  readonly firstSequence: number;
}

/** The process that makes requests and sends them. */
export class Generator {
  private nextSequence = 1;

  private constructor(
    private readonly child: Child,
    private readonly serverPublicKey: Uint8Array,
    private readonly connections: number,
  ) {}

  static async start(cores: string | null, serverPublicKey: Uint8Array, connections: number): Promise<Generator> {
    const child = Child.start(join(import.meta.dirname, 'generator.process.ts'), { cores });
    await child.ready();
    return new Generator(child, serverPublicKey, connections);
  }

  /** Seals a batch of requests. They can be run against several servers that have the same key. */
  async prepare(batch: Batch): Promise<PreparedBatch> {
    const firstSequence = this.takeSequences(batch.count);
    const { serverPublicKey } = this;
    const prepared = await this.ask<Prepared>({ kind: 'prepare', serverPublicKey, firstSequence, ...batch });
    return { ...prepared, count: batch.count, firstSequence };
  }

  /** Numbers for notifications that are made elsewhere. */
  takeSequences(count: number): number {
    const first = this.nextSequence;
    this.nextSequence += count;
    return first;
  }

  run(port: number, ratePerSecond: number | null = null): Promise<LoadRun> {
    return this.ask({ kind: 'run', port, connections: this.connections, ratePerSecond });
  }

  /** Decrypts all answers of the last run; one that is not `Success` makes the whole measurement worthless. */
  async check(): Promise<void> {
    const { bad } = await this.ask<Checked>({ kind: 'check' });
    if (bad > 0) throw new Error(`${bad} answers are not a sealed Success`);
  }

  stop(): Promise<void> {
    return this.child.stop();
  }

  private ask<Answer>(order: LoadOrder): Promise<Answer> {
    return this.child.ask<Answer>(order);
  }
}
