/** Apple takes frequent connecting for an attack: so many connections may be made without waiting … */
const BURST = 10;
/** … and then one for each of these intervals. */
const INTERVAL_MS = 1_000;
const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 5_000;

/**
 * Says how long the next connection must wait: not at all while connections last, growing with jitter while they cannot
 * be made, and up to a second while they are made and soon lost. Times are milliseconds of any one monotonic clock.
 */
export class ReconnectPace {
  private allowance = BURST;
  private allowanceAt = 0;
  private failures = 0;
  private notBefore = 0;

  /** Milliseconds to wait at `now`; 0 = connect. */
  delay(now: number): number {
    return Math.max(0, (1 - this.allowanceOf(now)) * INTERVAL_MS, this.notBefore - now);
  }

  opened(now: number): void {
    this.allowance = this.allowanceOf(now) - 1;
    this.allowanceAt = now;
    this.failures = 0;
    this.notBefore = 0;
  }

  /** `random` is in [0, 1). */
  failed(now: number, random: number): void {
    const backoff = Math.min(FIRST_BACKOFF_MS * 2 ** this.failures, LONGEST_BACKOFF_MS);
    this.failures++;
    this.notBefore = now + backoff * (0.5 + random / 2);
  }

  private allowanceOf(now: number): number {
    return Math.min(BURST, this.allowance + (now - this.allowanceAt) / INTERVAL_MS);
  }
}
