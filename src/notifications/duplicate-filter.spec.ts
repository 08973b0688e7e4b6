import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DuplicateFilter } from './duplicate-filter.js';

const MINUTE_MS = 60_000;

describe('DuplicateFilter', () => {
  let now: number;
  const advance = (ms: number) => {
    now += ms;
    vi.advanceTimersByTime(ms);
  };

  beforeEach(() => {
    now = 1000;
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    // The cache took hold of the real object before the test could replace it.
    vi.spyOn(performance, 'now').mockImplementation(() => now);
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  /** Work that is counted, and that ends when the test says so. */
  function heldWork() {
    const ends: { resolve: () => void; reject: (error: Error) => void }[] = [];
    const work = () => new Promise<void>((resolve, reject) => ends.push({ resolve, reject }));
    return { ends, work };
  }

  it('runs the work once for one recipient and data', async () => {
    const filter = new DuplicateFilter();
    let runs = 0;
    const work = async () => void runs++;
    expect(await filter.once('05a', 'data', work)).toBe(true);
    expect(await filter.once('05a', 'data', work)).toBe(false);
    expect(runs).toBe(1);
  });

  it('tells recipients and data apart', async () => {
    const filter = new DuplicateFilter();
    const work = async () => {};
    expect(await filter.once('05a', 'data', work)).toBe(true);
    expect(await filter.once('05b', 'data', work)).toBe(true);
    expect(await filter.once('05a', 'other', work)).toBe(true);
    expect(await filter.once('05', 'a data', work)).toBe(true);
    expect(await filter.once('05a', ' data', work)).toBe(true);
  });

  it('runs the work again after five minutes, and not before', async () => {
    const filter = new DuplicateFilter();
    const work = async () => {};
    await filter.once('05a', 'data', work);
    advance(5 * MINUTE_MS - 2000);
    expect(await filter.once('05a', 'data', work)).toBe(false);
    advance(4000);
    expect(await filter.once('05a', 'data', work)).toBe(true);
  });

  it('counts the five minutes from the first call, not from a repetition', async () => {
    const filter = new DuplicateFilter();
    const work = async () => {};
    await filter.once('05a', 'data', work);
    const repeated: boolean[] = [];
    for (let minute = 1; minute <= 5; minute++) {
      advance(MINUTE_MS + 1000);
      repeated.push(await filter.once('05a', 'data', work));
    }
    expect(repeated).toEqual([false, false, false, false, true]);
  });

  it('lets a repetition wait for the outcome of the first', async () => {
    const filter = new DuplicateFilter();
    const { ends, work } = heldWork();
    const outcomes: boolean[] = [];
    const calls = [1, 2, 3].map(() => filter.once('05a', 'data', work).then((first) => outcomes.push(first)));
    await Promise.resolve();
    expect([ends.length, outcomes.length]).toEqual([1, 0]);
    ends[0]?.resolve();
    await Promise.all(calls);
    expect(outcomes.filter((first) => first)).toHaveLength(1);
  });

  it('tells a failure to everybody who waits, and forgets it', async () => {
    const filter = new DuplicateFilter();
    const { ends, work } = heldWork();
    const calls = Promise.allSettled([1, 2].map(() => filter.once('05a', 'data', work)));
    ends[0]?.reject(new Error('the disk is full'));
    expect(await calls).toMatchObject([
      { status: 'rejected', reason: { message: 'the disk is full' } },
      { status: 'rejected', reason: { message: 'the disk is full' } },
    ]);
    expect(await filter.once('05a', 'data', async () => {})).toBe(true);
  });
});
