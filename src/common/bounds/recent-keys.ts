/**
 * Keys that were added within the last `periodMs`, of at most `max`.
 *
 * Two generations, of which the older is dropped as a whole: what is remembered needs no upkeep per key and takes no
 * memory before it is there. When more than half of `max` come within a period, the oldest are forgotten early.
 */
export class RecentKeys {
  /** Each key with the time it was added, in whole milliseconds since `epoch`. */
  private younger = new Map<string, number>();
  private older = new Map<string, number>();
  private readonly epoch = performance.now();
  private turnedAt = 0;

  constructor(
    private readonly periodMs: number,
    private readonly max: number,
  ) {}

  has(key: string): boolean {
    const addedAt = this.younger.get(key) ?? this.older.get(key);
    return addedAt !== undefined && this.now() - addedAt < this.periodMs;
  }

  add(key: string): void {
    const now = this.now();
    if (this.younger.size * 2 >= this.max || now - this.turnedAt >= this.periodMs) {
      this.older = this.younger;
      this.younger = new Map();
      this.turnedAt = now;
    }
    this.younger.set(key, now);
  }

  private now(): number {
    return Math.floor(performance.now() - this.epoch);
  }
}
