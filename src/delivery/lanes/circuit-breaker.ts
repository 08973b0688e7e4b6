export interface BreakerTiming {
  threshold: number;
  baseMs: number;
  maxMs: number;
}

export type BreakerState = 'closed' | 'open' | 'probing';

/** Whether a request may go. A `probe` must report how it ended, be it with `undecided`. */
export type Pass = 'free' | 'probe' | 'refused';

/**
 * Keeps a failing provider from being asked again and again. Closed, everything passes. It opens after `threshold`
 * failures in a row, or at once when told so; then nothing passes for a while, after which one probe at a time does.
 * A probe that succeeds closes it, one that fails opens it for twice as long. Times are those of `performance.now()`: a
 * wall clock that is put right must neither keep it open nor close it.
 */
export class CircuitBreaker {
  private failures = 0;
  private openings = 0;
  private openUntil: number | null = null;
  private probing = false;

  constructor(private readonly timing: BreakerTiming) {}

  state(now: number): BreakerState {
    if (this.openUntil === null) return 'closed';
    return now < this.openUntil || this.probing ? 'open' : 'probing';
  }

  /** Until when nothing passes; null = it is closed. */
  get openEnd(): number | null {
    return this.openUntil;
  }

  /** As the process before left it. */
  reopen(until: number): void {
    this.openUntil = until;
    this.openings = 1;
  }

  tryPass(now: number): Pass {
    const state = this.state(now);
    if (state === 'open') return 'refused';
    if (state === 'closed') return 'free';
    this.probing = true;
    return 'probe';
  }

  succeeded(): void {
    // A request that was under way when it opened tells nothing about now: a throttling provider answers some well.
    if (this.openUntil !== null && !this.probing) return;
    this.failures = 0;
    this.openings = 0;
    this.openUntil = null;
    this.probing = false;
  }

  /** `forMs` is the pause that the provider asked for, should it open or be open. */
  failed(now: number, options: { atOnce?: boolean; forMs?: number | undefined } = {}): void {
    this.failures++;
    if (this.openUntil !== null && !this.probing) {
      // Requests that were under way when it opened fail too; they are no news, but for what they ask.
      if (options.forMs !== undefined) this.openUntil = Math.max(now + options.forMs, this.openUntil);
      return;
    }
    if (this.openUntil === null && !options.atOnce && this.failures < this.timing.threshold) return;
    const doubled = Math.min(this.timing.maxMs, this.timing.baseMs * 2 ** Math.min(this.openings, 30));
    this.openUntil = Math.max(now + (options.forMs ?? doubled), this.openUntil ?? 0);
    this.openings++;
    this.probing = false;
  }

  /** The probe ended without telling anything about the provider. */
  undecided(): void {
    this.probing = false;
  }
}
