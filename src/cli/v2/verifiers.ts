import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { inPieces } from '../../common/bounds/in-pieces.js';
import { type SubscribeItem } from '../../subscriptions/dto/subscriptions.dto.js';
import { type Answer, questionOf } from './questions.js';

/** Some tens of milliseconds of work. */
const ITEMS_AT_ONCE = 256;

interface Asked {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (problem: Error) => void;
}

/**
 * Threads that judge signatures, one for each processor. Questions lie ready at a thread: this one may be away at the
 * database for longer than a question takes.
 */
export class Verifiers {
  private readonly threads: Verifier[];

  constructor(count = availableParallelism()) {
    this.threads = Array.from({ length: count }, () => new Verifier());
  }

  /**
   * For each of them what is wrong with its time or its signature, in the words that its phone would hear; null = nothing.
   *
   * @param now UTC epoch seconds
   */
  async problemsOf(items: readonly SubscribeItem[], now: number): Promise<(string | null)[]> {
    const answers = inPieces(items, ITEMS_AT_ONCE).map((some) => this.leastBusy().ask(some, now));
    return (await Promise.all(answers)).flat();
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.close()));
  }

  private leastBusy(): Verifier {
    return this.threads.reduce((least, thread) => (thread.waiting < least.waiting ? thread : least));
  }
}

class Verifier {
  private readonly worker = new Worker(new URL('./verifier.process.js', import.meta.url));
  private readonly ended = new Promise<void>((resolve) => this.worker.once('exit', () => resolve()));
  /** Oldest first, which is how they are answered. */
  private readonly asked: Asked[] = [];
  /** What the thread died of. */
  private problem: Error | null = null;

  constructor() {
    this.worker.on('message', (answer: Answer) => this.asked.shift()?.resolve(answer));
    this.worker.on('error', (problem: Error) => {
      this.problem = problem;
      for (const { reject } of this.asked.splice(0)) reject(problem);
    });
  }

  get waiting(): number {
    return this.asked.length;
  }

  ask(items: readonly SubscribeItem[], now: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.problem) return reject(this.problem);
      this.asked.push({ resolve, reject });
      this.worker.postMessage(questionOf(items, now), []);
    });
  }

  /** It ends by itself: V8 may abort the process when a thread is ended by force while it still loads what it needs. */
  async close(): Promise<void> {
    this.worker.postMessage(null, []);
    await this.ended;
  }
}
