import { describe, expect, it } from 'vitest';
import { ConcurrencyLimit } from './concurrency-limit.js';

/** Work that ends when it is told to. */
class Piece {
  started = false;
  end: () => void = () => {};
  fail: (error: Error) => void = () => {};

  readonly work = (): Promise<void> => {
    this.started = true;
    return new Promise((resolve, reject) => {
      this.end = resolve;
      this.fail = reject;
    });
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('ConcurrencyLimit', () => {
  it('runs as many as there are slots, and the others in the order they came', async () => {
    const slots = new ConcurrencyLimit(2);
    const pieces = Array.from({ length: 4 }, () => new Piece());
    const runs = pieces.map(({ work }) => slots.run(work));
    await turn();
    expect(pieces.map(({ started }) => started)).toEqual([true, true, false, false]);
    expect([slots.taken, slots.waiting]).toEqual([2, 2]);
    pieces[1]?.end();
    await turn();
    expect(pieces.map(({ started }) => started)).toEqual([true, true, true, false]);
    expect([slots.taken, slots.waiting]).toEqual([2, 1]);
    pieces[0]?.end();
    await turn();
    pieces[2]?.end();
    pieces[3]?.end();
    await Promise.all(runs);
    expect([slots.taken, slots.waiting]).toEqual([0, 0]);
  });

  it('gives on the slot of work that fails, and says how it ended', async () => {
    const slots = new ConcurrencyLimit(1);
    const [first, second] = [new Piece(), new Piece()];
    const failing = slots.run(first.work);
    const running = slots.run(second.work);
    await turn();
    first.fail(new Error('failed'));
    await expect(failing).rejects.toThrow('failed');
    await turn();
    expect(second.started).toBe(true);
    second.end();
    await running;
    expect(slots.taken).toBe(0);
  });

  it('takes no more than its slots while the line empties', async () => {
    const slots = new ConcurrencyLimit(3);
    let most = 0;
    const work = async () => {
      most = Math.max(most, slots.taken);
      await turn();
    };
    await Promise.all(Array.from({ length: 50 }, () => slots.run(work)));
    expect(most).toBe(3);
    expect(slots.taken).toBe(0);
  });
});
