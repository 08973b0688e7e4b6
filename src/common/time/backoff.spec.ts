import { describe, expect, it } from 'vitest';
import { backoffMs } from './backoff.js';

describe('backoffMs', () => {
  it('doubles with each attempt up to the longest', () => {
    expect([1, 2, 3, 4, 5].map((attempts) => backoffMs(attempts, 100, 1000, 1))).toEqual([100, 200, 400, 800, 1000]);
  });

  it('spreads over the upper half', () => {
    expect([0, 0.5, 1].map((random) => backoffMs(3, 100, 1000, random))).toEqual([200, 300, 400]);
  });

  it('stays within its bound however many attempts there were', () => {
    expect(backoffMs(10_000, 2000, 600_000, 1)).toBe(600_000);
    expect(backoffMs(1, 60_000, 1000, 1)).toBe(1000);
  });
});
