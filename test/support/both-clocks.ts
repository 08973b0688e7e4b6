import { vi } from 'vitest';

/** The wall clock and the one that never steps stand still at a time (UTC epoch milliseconds); timers run as always. */
export function stopBothClocks(now: number): void {
  vi.useFakeTimers({ toFake: ['Date', 'performance'], now });
}

/** Time passes on both. Setting the wall clock alone is `vi.setSystemTime`. */
export function letPass(ms: number): void {
  vi.advanceTimersByTime(ms);
}
