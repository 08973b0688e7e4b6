/** Calls a state bad when it has been bad for a while, and good when it has been good for a while. */
export class Hysteresis {
  isBad = false;
  /** Since when it has been otherwise, in milliseconds of the caller's clock. */
  private otherwiseSince: number | null = null;

  constructor(
    private readonly badAfterMs: number,
    private readonly goodAfterMs: number,
  ) {}

  /** How it is at a moment; what has changed by that. */
  note(isBad: boolean, now: number): 'bad' | 'good' | null {
    if (isBad === this.isBad) {
      this.otherwiseSince = null;
      return null;
    }
    this.otherwiseSince ??= now;
    if (now - this.otherwiseSince < (isBad ? this.badAfterMs : this.goodAfterMs)) return null;
    this.isBad = isBad;
    this.otherwiseSince = null;
    return isBad ? 'bad' : 'good';
  }
}
