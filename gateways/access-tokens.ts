import { randomBytes } from 'node:crypto';

/** OAuth access tokens that an authorization server gave out. */
export class AccessTokens {
  /** What `expires_in` says of later tokens, and how long they are good for. */
  lifetimeSeconds: number;
  issuedCount = 0;
  private readonly expiresAt = new Map<string, number>();

  constructor(private readonly defaultLifetimeSeconds = 3600) {
    this.lifetimeSeconds = defaultLifetimeSeconds;
  }

  issue(now: number): { accessToken: string; expiresIn: number } {
    this.issuedCount++;
    const accessToken = randomBytes(32).toString('base64url');
    this.expiresAt.set(accessToken, now + this.lifetimeSeconds * 1000);
    return { accessToken, expiresIn: this.lifetimeSeconds };
  }

  check(accessToken: string | null, now: number): 'good' | 'expired' | 'unknown' {
    const end = accessToken === null ? undefined : this.expiresAt.get(accessToken);
    if (end === undefined) return 'unknown';
    return now < end ? 'good' : 'expired';
  }

  /** Tokens given out so far stop working, as after a change of the account's key. */
  revokeAll(): void {
    this.expiresAt.clear();
  }

  reset(): void {
    this.lifetimeSeconds = this.defaultLifetimeSeconds;
    this.issuedCount = 0;
  }
}
