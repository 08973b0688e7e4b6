export interface ConductTuning {
  /** Reports that a node may send in a second on average, and at once. What is above waits at the node. */
  readonly reportsPerSecond: number;
  readonly burst: number;
  /** So many reports that no honest node sends, within so long, and it is set aside. */
  readonly maxOffences: number;
  readonly offencesWithinMs: number;
  readonly asideMs: number;
}

export const DEFAULT_CONDUCT_TUNING: ConductTuning = {
  reportsPerSecond: 200,
  burst: 4000,
  maxOffences: 50,
  offencesWithinMs: 10 * 60_000,
  asideMs: 3_600_000,
};

/** How a node behaves: how much it sends, and what it should not have sent. */
export class NodeConduct {
  taken = 0;
  copies = 0;
  offences = 0;
  private tokens: number;
  private filledAt = performance.now();
  private offencesNow = 0;
  private offencesSince = 0;

  constructor(private readonly tuning: ConductTuning) {
    this.tokens = tuning.burst;
  }

  /** Counts a report; for how many milliseconds nothing more should be read. */
  pauseAfterReport(): number {
    const now = performance.now();
    const { reportsPerSecond, burst } = this.tuning;
    this.tokens = Math.min(burst, this.tokens + ((now - this.filledAt) * reportsPerSecond) / 1000) - 1;
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
    return this.offencesNow >= this.tuning.maxOffences;
  }
}
