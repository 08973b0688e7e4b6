export interface ConductTuning {
  /** Reports that a node may send in a second on average, and at once. What is above waits at the node. */
  readonly reportsPerSecond: number;
  readonly burst: number;
  /** One that is larger counts as several. */
  readonly bytesPerReport: number;
  /** So many reports that no honest node sends, within so long, and it is set aside. */
  readonly maxOffences: number;
  readonly offencesWithinMs: number;
  /** So many messages within that time that it alone reports, of a swarm in which others are told too. */
  readonly maxUnconfirmed: number;
  readonly asideMs: number;
}

export const DEFAULT_CONDUCT_TUNING: ConductTuning = {
  reportsPerSecond: 200,
  burst: 4000,
  bytesPerReport: 8192,
  maxOffences: 50,
  offencesWithinMs: 10 * 60_000,
  maxUnconfirmed: 1000,
  asideMs: 3_600_000,
};

/** How a node behaves: how much it sends, and what it should not have sent. */
export class NodeConduct {
  taken = 0;
  copies = 0;
  offences = 0;
  /** The log says already that this node sends more than its share. */
  isKnownAsLoud = false;
  /** Messages that no other node has reported yet, the oldest first, with the time of the report. */
  private readonly unconfirmed = new Map<string, number>();
  private tokens: number;
  private filledAt = performance.now();
  private offencesNow = 0;
  private offencesSince = 0;

  constructor(private readonly tuning: ConductTuning) {
    this.tokens = tuning.burst;
  }

  get isWaitingForOthers(): boolean {
    return this.unconfirmed.size > 0;
  }

  /** Notes a message that this node was the first to report; true = too many of its messages are reported by no other node. */
  notConfirmedYet(message: string): boolean {
    const now = performance.now();
    const { offencesWithinMs, maxUnconfirmed } = this.tuning;
    this.unconfirmed.set(message, now);
    for (const [old, at] of this.unconfirmed) {
      if (now - at < offencesWithinMs) break;
      this.unconfirmed.delete(old);
    }
    if (this.unconfirmed.size < maxUnconfirmed) return false;
    // It begins anew, also where it cannot be set aside.
    this.unconfirmed.clear();
    return true;
  }

  /** Another node has reported the message too. */
  confirmed(message: string): void {
    this.unconfirmed.delete(message);
  }

  /** Counts something that it sent, of so many bytes; for how many milliseconds nothing more should be read. */
  pauseAfter(bytes: number): number {
    const now = performance.now();
    const { reportsPerSecond, burst, bytesPerReport } = this.tuning;
    const filled = Math.min(burst, this.tokens + ((now - this.filledAt) * reportsPerSecond) / 1000);
    this.tokens = filled - Math.max(1, bytes / bytesPerReport);
    this.filledAt = now;
    return this.tokens >= 0 ? 0 : (-this.tokens * 1000) / reportsPerSecond;
  }

  /** Counts an offence; true = it has been one too many. */
  offend(): boolean {
    const now = performance.now();
    if (now - this.offencesSince >= this.tuning.offencesWithinMs) {
      this.offencesSince = now;
      this.offencesNow = 0;
    }
    this.offences++;
    this.offencesNow++;
    if (this.offencesNow < this.tuning.maxOffences) return false;
    this.offencesNow = 0;
    return true;
  }
}
