import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RecentKeys } from './recent-keys.js';

describe('RecentKeys', () => {
  let now = 0;
  beforeEach(() => {
    now = 5000;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
  });
  afterEach(() => vi.restoreAllMocks());

  it('knows a key for the period, and no longer', () => {
    const keys = new RecentKeys(1000, 100);
    keys.add('a');
    now += 999;
    expect(keys.has('a')).toBe(true);
    now += 1;
    expect(keys.has('a')).toBe(false);
  });

  it('knows a key that was added again from then on', () => {
    const keys = new RecentKeys(1000, 100);
    keys.add('a');
    now += 1500;
    keys.add('a');
    now += 999;
    expect(keys.has('a')).toBe(true);
  });

  it('knows each key for the whole period, whenever others come', () => {
    const keys = new RecentKeys(1000, 1000);
    const lifetimes = Array.from({ length: 50 }, (_, index) => {
      now += 37;
      keys.add(`${index}`);
      return now;
    });
    for (; now < 12_000; now += 10) {
      lifetimes.forEach((addedAt, index) => {
        if (now - addedAt < 1000) expect(keys.has(`${index}`), `${index} at ${now}`).toBe(true);
        else expect(keys.has(`${index}`)).toBe(false);
      });
      keys.add('another');
    }
  });

  it('forgets the oldest when there are too many', () => {
    const keys = new RecentKeys(1000, 10);
    for (let index = 0; index < 50; index++) keys.add(`${index}`);
    const known = Array.from({ length: 50 }, (_, index) => index).filter((index) => keys.has(`${index}`));
    expect(known.length).toBeGreaterThanOrEqual(5);
    expect(known.length).toBeLessThanOrEqual(10);
    expect(known.at(-1)).toBe(49);
    expect(known).toEqual(known.map((_, position) => 50 - known.length + position));
  });
});
