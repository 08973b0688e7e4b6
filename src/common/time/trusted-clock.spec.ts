import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { letPass, stopBothClocks } from '../../../test/support/both-clocks.js';
import { TrustedClock } from './trusted-clock.js';

const NOW = 1_800_000_000_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

describe('TrustedClock', () => {
  let clock: TrustedClock;
  const step = (ms: number) => vi.setSystemTime(Date.now() + ms);

  beforeEach(() => {
    stopBothClocks(NOW);
    clock = new TrustedClock();
  });
  afterEach(() => void vi.useRealTimers());

  it('goes with the wall clock', () => {
    letPass(HOUR_MS);
    expect(clock.now()).toBe(NOW + HOUR_MS);
    step(-20_000);
    expect(clock.now()).toBe(NOW + HOUR_MS - 20_000);
  });

  it('goes on as before for five minutes after a jump ahead, and then believes it', () => {
    step(25 * HOUR_MS);
    expect(clock.now()).toBe(NOW);
    letPass(5 * MINUTE_MS - 1);
    expect([clock.now(), clock.isSettled()]).toEqual([NOW + 5 * MINUTE_MS - 1, false]);
    letPass(1);
    expect([clock.now(), clock.isSettled()]).toEqual([NOW + 25 * HOUR_MS + 5 * MINUTE_MS, true]);
  });

  it('follows a jump back at once', () => {
    step(-HOUR_MS);
    expect(clock.now()).toBe(NOW - HOUR_MS);
  });

  it('is not led astray by a jump that is corrected, in either order', () => {
    for (const jump of [25 * HOUR_MS, -25 * HOUR_MS]) {
      step(jump);
      clock.now();
      letPass(4000);
      step(-jump);
      expect(clock.now()).toBeLessThanOrEqual(Date.now());
      letPass(6 * MINUTE_MS);
      expect(clock.now()).toBe(Date.now());
    }
  });

  it('goes by the earliest of several jumps', () => {
    step(HOUR_MS);
    clock.now();
    step(-2 * HOUR_MS);
    clock.now();
    step(10 * HOUR_MS);
    expect(clock.now()).toBe(NOW - HOUR_MS);
  });

  it('tells of each jump once', () => {
    const jumps: number[] = [];
    clock.onJump((byMs) => jumps.push(byMs));
    step(HOUR_MS);
    clock.now();
    clock.isSettled();
    step(-HOUR_MS);
    clock.now();
    expect(jumps).toEqual([HOUR_MS, -HOUR_MS]);
  });
});
