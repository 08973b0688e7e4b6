export interface CountSurroundings {
  /** Counts them where they are stored. */
  count(): Promise<number>;
  /** So many more are there than were handed in: nobody told the nodes of them. */
  unnoticed(accounts: number): void;
  failed(error: unknown): void;
}

/**
 * How many accounts a swarm has. What is handed in does not tell, because most of it was there before, and nothing is said
 * about those that go: they are counted again a while after something was handed in, and now and then without that.
 */
export class AccountCount {
  private known: number | null = null;
  /** Accounts that were handed in since they were counted; any of them may be new. */
  private handedIn = 0;
  private isInDoubt = false;
  private countedAt = -Infinity;
  private timer: NodeJS.Timeout | undefined;
  private timerAt = Infinity;
  private closed = false;

  /** @param countMs the least and the most time from one count to the next */
  constructor(
    private readonly surroundings: CountSurroundings,
    private readonly countMs: readonly [number, number],
  ) {}

  /** Null = they were not counted yet. */
  get value(): number | null {
    return this.known;
  }

  add(accounts: number): void {
    this.handedIn += accounts;
  }

  /** They may be more or fewer now. */
  soon(): void {
    if (this.known !== null) this.schedule(this.countedAt + this.countMs[0]);
  }

  /**
   * Counts after all of them were told to some nodes.
   *
   * @returns how many the other nodes may not have been told of
   */
  async afterPass(): Promise<number> {
    const found = await this.look();
    return found === null ? 0 : this.settle(found);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  private async again(): Promise<void> {
    this.timerAt = Infinity;
    const found = await this.look();
    if (found === null || this.closed) return;
    // What was stored a moment ago may be on its way here.
    this.isInDoubt = !this.isInDoubt && this.surplusOf(found) > 0;
    if (this.isInDoubt) return this.soon();
    const unnoticed = this.settle(found);
    if (unnoticed > 0) this.surroundings.unnoticed(unnoticed);
  }

  private async look(): Promise<Found | null> {
    const { handedIn } = this;
    try {
      return { accounts: await this.surroundings.count(), handedIn };
    } catch (error) {
      this.surroundings.failed(error);
      this.schedule(performance.now() + this.countMs[0]);
      return null;
    } finally {
      this.countedAt = performance.now();
      this.schedule(this.countedAt + this.countMs[1]);
    }
  }

  private settle(found: Found): number {
    const surplus = this.surplusOf(found);
    this.known = found.accounts;
    this.isInDoubt = false;
    // What came during the count may be in it, or not.
    this.handedIn -= Math.min(this.handedIn, found.handedIn);
    return surplus;
  }

  private surplusOf({ accounts }: Found): number {
    return this.known === null ? 0 : Math.max(0, accounts - this.known - this.handedIn);
  }

  private schedule(at: number): void {
    if (this.closed || at >= this.timerAt) return;
    clearTimeout(this.timer);
    this.timerAt = at;
    this.timer = setTimeout(() => void this.again(), Math.max(0, at - performance.now()));
  }
}

interface Found {
  readonly accounts: number;
  /** Before it was counted. */
  readonly handedIn: number;
}
