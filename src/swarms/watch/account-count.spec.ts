import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AccountCount } from './account-count.js';

const LEAST_MS = 1000;
const MOST_MS = 60_000;

describe('AccountCount', () => {
  let stored: number;
  let isAway: boolean;
  let looks: number;
  let unnoticed: number[];
  let failures: number;
  let count: AccountCount;

  beforeEach(() => {
    vi.useFakeTimers();
    [stored, looks, failures, isAway, unnoticed] = [10, 0, 0, false, []];
    count = new AccountCount(
      {
        count: () => {
          looks++;
          return isAway ? Promise.reject(new Error('the database is away')) : Promise.resolve(stored);
        },
        unnoticed: (accounts) => unnoticed.push(accounts),
        failed: () => failures++,
      },
      [LEAST_MS, MOST_MS],
    );
  });
  afterEach(() => {
    count.close();
    vi.useRealTimers();
  });

  it('is not known before all were told', () => {
    count.add(3);
    count.soon();
    expect([count.value, vi.getTimerCount()]).toEqual([null, 0]);
  });

  it('does not grow by what is handed in and was there before', async () => {
    await count.afterPass();
    for (let times = 0; times < 3; times++) count.add(10);
    count.soon();
    await vi.advanceTimersByTimeAsync(LEAST_MS);
    expect([count.value, unnoticed]).toEqual([10, []]);
  });

  it('grows soon after new ones were handed in, and is not looked up more often than that', async () => {
    await count.afterPass();
    for (let times = 0; times < 5; times++) {
      stored++;
      count.add(1);
      count.soon();
    }
    await vi.advanceTimersByTimeAsync(LEAST_MS);
    expect([count.value, looks, unnoticed]).toEqual([15, 2, []]);
  });

  it('shrinks within the longest time when some are gone', async () => {
    await count.afterPass();
    stored = 8;
    await vi.advanceTimersByTimeAsync(MOST_MS);
    expect([count.value, unnoticed]).toEqual([8, []]);
  });

  it('tells of those that nobody handed in, when they are not handed in a moment later', async () => {
    await count.afterPass();
    stored = 14;
    count.add(1);
    await vi.advanceTimersByTimeAsync(MOST_MS);
    expect([count.value, unnoticed]).toEqual([10, []]);
    await vi.advanceTimersByTimeAsync(LEAST_MS);
    expect([count.value, unnoticed]).toEqual([14, [3]]);
  });

  it('waits for what was stored and is still on its way here', async () => {
    await count.afterPass();
    stored = 11;
    await vi.advanceTimersByTimeAsync(MOST_MS);
    count.add(1);
    await vi.advanceTimersByTimeAsync(LEAST_MS);
    expect([count.value, unnoticed]).toEqual([11, []]);
  });

  it('says after a pass how many the nodes that were not in it may lack', async () => {
    await count.afterPass();
    stored = 12;
    expect(await count.afterPass()).toBe(2);
    expect(await count.afterPass()).toBe(0);
  });

  it('stays as it was while the database is away, and is looked up again soon', async () => {
    await count.afterPass();
    isAway = true;
    stored = 9;
    await vi.advanceTimersByTimeAsync(MOST_MS);
    expect([count.value, failures]).toEqual([10, 1]);
    isAway = false;
    await vi.advanceTimersByTimeAsync(LEAST_MS);
    expect(count.value).toBe(9);
  });
});
