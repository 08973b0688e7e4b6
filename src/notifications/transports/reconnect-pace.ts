/** Apple takes frequent connecting for an attack, so a burst is followed by waiting. */
const WINDOW_MS = 10_000;
const CONNECTS_PER_WINDOW = 10;
const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 5_000;

/**
 * Says how long the next connection must wait: not at all while connections last, growing with jitter while they cannot
 * be made, and never more than 10 connections in 10 s. Times are milliseconds of any one monotonic clock.
 */
export class ReconnectPace {
  #opened: number[] = [];
  #failures = 0;
  #notBefore = 0;

  /** Milliseconds to wait at `now`; 0 = connect. */
  delay(now: number): number {
    const oldest = this.#opened.length < CONNECTS_PER_WINDOW ? undefined : this.#opened[0];
    const window = oldest === undefined ? 0 : oldest + WINDOW_MS - now;
    return Math.max(0, window, this.#notBefore - now);
  }

  opened(now: number): void {
    this.#opened = [...this.#opened, now].slice(-CONNECTS_PER_WINDOW);
    this.#failures = 0;
    this.#notBefore = 0;
  }

  /** `random` is in [0, 1). */
  failed(now: number, random: number): void {
    const backoff = Math.min(FIRST_BACKOFF_MS * 2 ** this.#failures, LONGEST_BACKOFF_MS);
    this.#failures++;
    this.#notBefore = now + backoff * (0.5 + random / 2);
  }
}
