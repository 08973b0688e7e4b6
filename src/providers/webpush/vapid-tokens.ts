import { HOUR_MS } from '../../config/durations.js';
import { LRUCache } from 'lru-cache';
import { type VapidKey } from './vapid-key.js';

/** RFC 8292 §2 allows 24 hours; a push server whose clock is wrong should not see its end. */
const LIFETIME_MS = 12 * HOUR_MS;
const USED_FOR_MS = 6 * HOUR_MS;

const MAX_ORIGINS = 2000;

/** Makes the value of `Authorization` for an origin: `vapid t=<JWT ES256>, k=<public key>`. `expires` is in UTC epoch seconds. */
type SignForOrigin = (origin: string, subject: string, key: VapidKey, expires: number) => string;

/** Who we are, for each origin: one JWT serves all pushes to it for hours. */
export class VapidTokens {
  private readonly tokens = new LRUCache<string, { authorization: string; madeAt: number }>({ max: MAX_ORIGINS });

  constructor(
    private readonly key: VapidKey,
    private readonly subject: string,
    private readonly sign: SignForOrigin,
  ) {}

  /** @param now UTC epoch milliseconds */
  authorizationFor(origin: string, now: number): string {
    const known = this.tokens.get(origin);
    // A clock that was set back leaves a token from the future.
    if (known && now >= known.madeAt && now - known.madeAt < USED_FOR_MS) return known.authorization;
    const expires = Math.floor((now + LIFETIME_MS) / 1000);
    const authorization = this.sign(origin, this.subject, this.key, expires);
    this.tokens.set(origin, { authorization, madeAt: now });
    return authorization;
  }
}
