import { gathered } from './gathered.js';

interface Waiting<Item> {
  item: Item;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** A batch that fails after this long got no answer from the database; its content is not the reason. */
const UNANSWERED_MS = 1000;

/**
 * Group commit: what arrives while a batch is being written, and in the turns of the event loop that follow, goes out together
 * in the next one.
 *
 * Each item's promise settles with its batch. One batch is under way at a time, at most `maxItems` long.
 *
 * A batch that fails at once says nothing about the others. One that timed out fails what waited meanwhile, too: otherwise
 * one batch after the other would time out, later and later, and a database that is back would be asked for work that its
 * callers gave up long ago.
 */
export class Batcher<Item> {
  private waiting: Waiting<Item>[] = [];
  private running: Promise<void> | null = null;

  constructor(
    private readonly write: (items: Item[]) => Promise<void>,
    private readonly maxItems = 512,
  ) {}

  add(item: Item): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.running ??= this.run();
    });
  }

  /** Resolves when nothing waits and nothing is being written. */
  async idle(): Promise<void> {
    while (this.running) await this.running;
  }

  private async run(): Promise<void> {
    while (this.waiting.length > 0) {
      await gathered(() => this.waiting.length);
      await this.runBatch(this.waiting.splice(0, this.maxItems));
    }
    this.running = null;
  }

  private async runBatch(batch: Waiting<Item>[]): Promise<void> {
    const began = performance.now();
    try {
      await this.write(batch.map(({ item }) => item));
      for (const { resolve } of batch) resolve();
    } catch (error) {
      const isUnanswered = performance.now() - began >= UNANSWERED_MS;
      const refused = isUnanswered ? [...batch, ...this.waiting.splice(0)] : batch;
      for (const { reject } of refused) reject(error);
    }
  }
}
