import { afterEach, describe, expect, it, vi } from 'vitest';
import { Batcher } from './batcher.js';

/** A write that ends when the test says so. */
function heldWrites() {
  const batches: number[][] = [];
  const ends: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  const write = (items: number[]): Promise<void> => {
    batches.push(items);
    return new Promise((resolve, reject) => ends.push({ resolve, reject }));
  };
  const begun = async (count: number): Promise<void> => {
    while (ends.length < count) await nextTurn();
  };
  return { batches, ends, write, begun };
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('Batcher', () => {
  afterEach(() => void vi.useRealTimers());

  it('writes what arrives in one turn of the event loop together, in order', async () => {
    const batches: number[][] = [];
    const batcher = new Batcher<number>(async (items) => void batches.push(items));
    await Promise.all([batcher.add(1), batcher.add(2), batcher.add(3)]);
    expect(batches).toEqual([[1, 2, 3]]);
  });

  it('gathers what arrives during a write for the next one', async () => {
    const { batches, ends, write, begun } = heldWrites();
    const batcher = new Batcher(write);
    const first = batcher.add(1);
    await begun(1);
    const later = [batcher.add(2), batcher.add(3)];
    await nextTurn();
    expect(batches).toEqual([[1]]);
    ends[0]?.resolve();
    await first;
    await begun(2);
    expect(batches).toEqual([[1], [2, 3]]);
    ends[1]?.resolve();
    await Promise.all(later);
  });

  it('lets what comes after a write, turn for turn, into the next one', async () => {
    const { batches, ends, write, begun } = heldWrites();
    const batcher = new Batcher(write);
    const added = [batcher.add(1)];
    await begun(1);
    added.push(batcher.add(2));
    ends[0]?.resolve();
    await added[0];
    for (const item of [3, 4]) {
      added.push(batcher.add(item));
      await nextTurn();
    }
    await begun(2);
    expect(batches).toEqual([[1], [2, 3, 4]]);
    ends[1]?.resolve();
    await Promise.all(added);
  });

  it('acknowledges an item only when its batch is written', async () => {
    const { ends, write } = heldWrites();
    const batcher = new Batcher(write);
    let acknowledged = false;
    const added = batcher.add(1).then(() => (acknowledged = true));
    await nextTurn();
    await nextTurn();
    expect(acknowledged).toBe(false);
    ends[0]?.resolve();
    await added;
    expect(acknowledged).toBe(true);
  });

  it('keeps batches within their bound', async () => {
    const sizes: number[] = [];
    const batcher = new Batcher<number>(async (items) => void sizes.push(items.length), 4);
    await Promise.all(Array.from({ length: 10 }, (_, item) => batcher.add(item)));
    expect(sizes).toEqual([4, 4, 2]);
  });

  it('refuses exactly the items of a batch that failed and goes on with the next', async () => {
    const batcher = new Batcher<number>(async (items) => {
      if (items.includes(2)) throw new Error('the disk is full');
    }, 2);
    const results = await Promise.allSettled([1, 2, 3].map((item) => batcher.add(item)));
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
  });

  it('refuses with a batch that was not answered what waited meanwhile, and tries what comes later', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { batches, ends, write, begun } = heldWrites();
    const batcher = new Batcher(write, 2);
    const waiting = Promise.allSettled([1, 2, 3, 4, 5].map((item) => batcher.add(item)));
    await begun(1);
    vi.advanceTimersByTime(4000);
    const silence = new Error('no answer');
    ends[0]?.reject(silence);
    for (const result of await waiting) expect(result).toEqual({ status: 'rejected', reason: silence });
    const later = batcher.add(6);
    await begun(2);
    ends[1]?.resolve();
    await later;
    expect(batches).toEqual([[1, 2], [6]]);
  });

  it('writes what waited for a batch that was slow but written', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { batches, ends, write, begun } = heldWrites();
    const batcher = new Batcher(write, 2);
    const added = [1, 2, 3].map((item) => batcher.add(item));
    await begun(1);
    vi.advanceTimersByTime(4000);
    ends[0]?.resolve();
    await begun(2);
    ends[1]?.resolve();
    await Promise.all(added);
    expect(batches).toEqual([[1, 2], [3]]);
  });

  it('refuses the items of a write that throws at once', async () => {
    const batcher = new Batcher<number>(() => {
      throw new Error('broken');
    });
    await expect(batcher.add(1)).rejects.toThrow('broken');
    await expect(batcher.add(2)).rejects.toThrow('broken');
  });

  it('is idle only after everything that was handed over is written', async () => {
    const written: number[] = [];
    const batcher = new Batcher<number>(async (items) => {
      await nextTurn();
      written.push(...items);
    }, 1);
    const added = [1, 2, 3].map((item) => batcher.add(item));
    await batcher.idle();
    expect(written).toEqual([1, 2, 3]);
    await Promise.all(added);
  });

  it('is idle at once when nothing was handed over', async () => {
    await expect(new Batcher<number>(async () => {}).idle()).resolves.toBeUndefined();
  });
});
