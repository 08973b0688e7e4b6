import { describe, expect, it } from 'vitest';
import { RecentRate } from './recent-rate.js';

describe('RecentRate', () => {
  it('is 0 before anything was noted', () => {
    expect(new RecentRate(60_000).perSecond(5, 100)).toBe(0);
  });

  it('is that of the time since the first note, and of the last minute later', () => {
    const rate = new RecentRate(60_000);
    rate.note(0, 0);
    expect(rate.perSecond(50, 5000)).toBe(10);
    for (let second = 5; second <= 120; second += 5) rate.note(second <= 60 ? second * 10 : 600, second * 1000);
    expect(rate.perSecond(600, 120_000)).toBe(0);
    rate.note(720, 125_000);
    expect(rate.perSecond(720, 125_000)).toBeCloseTo(120 / 60, 5);
  });
});
