interface Sample {
  readonly total: number;
  readonly at: number;
}

/** How fast a counter has risen lately. Its owner calls `note` now and then; times are milliseconds of one clock. */
export class RecentRate {
  private samples: Sample[] = [];

  constructor(private readonly overMs: number) {}

  note(total: number, at: number): void {
    this.samples.push({ total, at });
    // The newest of those that are older than the time stays, as its beginning.
    while ((this.samples[1]?.at ?? at) <= at - this.overMs) this.samples.shift();
  }

  perSecond(total: number, at: number): number {
    const [oldest] = this.samples;
    if (!oldest || at <= oldest.at) return 0;
    return ((total - oldest.total) * 1000) / (at - oldest.at);
  }
}
