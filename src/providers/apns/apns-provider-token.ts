/** Apple, "Establishing a token-based connection to APNs": a new one not more often than every 20 minutes … */
const SHORTEST_LIFE_MS = 20 * 60_000;
/** … and not later than after 60. */
const REFRESH_AFTER_MS = 50 * 60_000;

/**
 * The JWT that all requests share. Minting is synchronous, so there is never more than one at a time.
 */
export class ApnsProviderToken {
  private jwt: string;
  private mintedAt: number;

  /**
   * @param mint signs a JWT whose `iat` is the present second
   * @param now UTC epoch milliseconds
   */
  constructor(
    private readonly mint: () => string,
    private readonly now: () => number,
  ) {
    this.jwt = mint();
    this.mintedAt = now();
  }

  current(): string {
    const age = this.now() - this.mintedAt;
    // A clock that was set back leaves a token from the future, which APNs refuses.
    if (age >= REFRESH_AFTER_MS || age < 0) this.renew();
    return this.jwt;
  }

  /**
   * APNs called this one expired. Whether there is a newer one now: another request may have brought it already,
   * and one that is younger than 20 minutes is kept, because APNs would refuse the next for being too early.
   */
  replace(expired: string): boolean {
    if (expired === this.jwt && this.now() - this.mintedAt >= SHORTEST_LIFE_MS) this.renew();
    return expired !== this.jwt;
  }

  private renew(): void {
    this.jwt = this.mint();
    this.mintedAt = this.now();
  }
}
