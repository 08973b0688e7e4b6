import { MINUTE_MS } from '../../config/durations.js';

/** Synchronization moves a clock by less; a machine that slept wakes with more. */
const JUMP_MS = 30_000;

/** A clock that jumped ahead may be corrected again: for this long it is not believed. */
const SETTLES_MS = 5 * MINUTE_MS;

/**
 * The wall clock, which an operator or a synchronization may set, watched by the one that never steps. After a jump ahead time
 * goes on as it did before, until the clock has settled: what is over by a wrong clock would be lost, what is over by a right
 * one only goes a little later. A jump back is followed at once.
 */
export class TrustedClock {
  private difference = Date.now() - performance.now();
  private settledAt = -Infinity;
  /** While it settles: the least difference since before the first jump. */
  private least = this.difference;
  private tell: (byMs: number) => void = () => undefined;

  onJump(listener: (byMs: number) => void): void {
    this.tell = listener;
  }

  /** UTC epoch milliseconds, as far as the clock can be believed. */
  now(): number {
    if (this.isSettled()) return Date.now();
    return Math.round(performance.now() + Math.min(this.least, this.difference));
  }

  isSettled(): boolean {
    this.compare();
    return performance.now() >= this.settledAt;
  }

  private compare(): void {
    const difference = Date.now() - performance.now();
    const byMs = Math.round(difference - this.difference);
    // It may drift, and be slewed.
    if (Math.abs(byMs) >= JUMP_MS) this.jumped(byMs);
    this.difference = difference;
  }

  private jumped(byMs: number): void {
    const now = performance.now();
    const wasSettled = now >= this.settledAt;
    this.least = wasSettled ? this.difference : Math.min(this.least, this.difference);
    if (byMs > 0) this.settledAt = now + SETTLES_MS;
    this.tell(byMs);
  }
}
