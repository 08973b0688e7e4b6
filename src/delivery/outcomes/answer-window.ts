const BUCKETS = 60;

interface Bucket {
  start: number;
  accepted: number;
  dead: number;
}

/** Counts accepted and dead answers of the last `windowMs`, in buckets. Times are those of a clock that does not step. */
export class AnswerWindow {
  private buckets: Bucket[] = [];

  constructor(private readonly windowMs: number) {}

  add(kind: 'accepted' | 'dead', now: number): void {
    const width = this.windowMs / BUCKETS;
    let bucket = this.buckets.at(-1);
    if (!bucket || now >= bucket.start + width) {
      bucket = { start: now, accepted: 0, dead: 0 };
      this.buckets.push(bucket);
      this.forget(now);
    }
    bucket[kind]++;
  }

  totals(now: number): { accepted: number; dead: number } {
    this.forget(now);
    return this.buckets.reduce(
      (sum, { accepted, dead }) => ({ accepted: sum.accepted + accepted, dead: sum.dead + dead }),
      { accepted: 0, dead: 0 },
    );
  }

  private forget(now: number): void {
    this.buckets = this.buckets.filter(({ start }) => start > now - this.windowMs);
  }
}
