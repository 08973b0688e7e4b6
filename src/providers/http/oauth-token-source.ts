import { DeadlineError, withDeadline } from '../../common/time/with-deadline.js';
import { ChannelError } from './http2-answer.js';
import { type RetryCause } from '../push-transport.js';

/** What a token endpoint answered. */
export type TokenGrant = { kind: 'granted'; token: string; lifetimeMs: number } | TokenFailure;

export interface TokenFailure {
  kind: 'failed';
  cause: Extract<RetryCause, 'credential' | 'configuration' | 'provider-down' | 'provider-throttled'>;
  /** The endpoint's own code or a constant of ours. */
  reason: string;
  retryAfterMs?: number;
}

/** The provider answered a request by refusing the token that it carried. */
export interface TokenRefused {
  kind: 'token-refused';
  reason: string;
}

export interface OAuthTokenSourceOptions {
  /** Longest wait for one fetch. */
  fetchTimeoutMs: number;
  /** Pause after a failed fetch, during which its failure is the answer. A longer Retry-After outweighs it. */
  failurePauseMs: number;
  /** Time between two tokens given up because the provider refused them. */
  refusalPauseMs: number;
}

const DEFAULTS: OAuthTokenSourceOptions = {
  fetchTimeoutMs: 10_000,
  failurePauseMs: 5000,
  refusalPauseMs: 60_000,
};

const REFRESH_EARLY_MS = 300_000;
const REFRESH_EARLY_SHARE = 0.2;

interface HeldToken {
  value: string;
  refreshAt: number;
  endsAt: number;
}

/**
 * Holds one bearer token and fetches the next: one fetch at a time, five minutes (of a short life: a fifth) before the
 * end, with the old token in use meanwhile. A failure is remembered for a moment, so that a thousand waiting pushes do
 * not become a thousand requests to an endpoint in trouble.
 */
export class OAuthTokenSource {
  private readonly options: OAuthTokenSourceOptions;
  private held: HeldToken | null = null;
  private fetching: Promise<HeldToken | TokenFailure> | null = null;
  private failed: { failure: TokenFailure; until: number } | null = null;
  private refusedAt = -Infinity;

  constructor(
    private readonly fetchToken: () => Promise<TokenGrant>,
    options: Partial<OAuthTokenSourceOptions> = {},
  ) {
    this.options = { ...DEFAULTS, ...options };
  }

  /** The token to send with, or why there is none. Never rejects. */
  async token(): Promise<{ kind: 'token'; value: string } | TokenFailure> {
    const now = performance.now();
    const held = this.held;
    const usable = held !== null && now < held.endsAt;
    if (usable && now < held.refreshAt) return { kind: 'token', value: held.value };
    const next = this.next(now);
    if (usable) return { kind: 'token', value: held.value };
    const result = await next;
    return 'value' in result ? { kind: 'token', value: result.value } : result;
  }

  /**
   * Gives up a token that the provider refused, unless it was replaced meanwhile.
   * Returns whether trying again makes sense: false when another token was refused a moment ago, because then the
   * reason is not the token's age.
   */
  invalidate(value: string): boolean {
    if (this.held?.value !== value) return true;
    const now = performance.now();
    if (now - this.refusedAt < this.options.refusalPauseMs) return false;
    this.refusedAt = now;
    this.held = null;
    return true;
  }

  /** Runs an exchange with a token, and once more with a new one when the provider refuses the first. */
  async withToken<Answer extends { kind: string }>(
    exchange: (token: string) => Promise<Answer | TokenRefused>,
  ): Promise<Answer | TokenRefused | TokenFailure> {
    const first = await this.token();
    if (first.kind === 'failed') return first;
    const answer = await exchange(first.value);
    if (!isRefusal(answer) || !this.invalidate(first.value)) return answer;
    const second = await this.token();
    return second.kind === 'failed' ? second : exchange(second.value);
  }

  private next(now: number): Promise<HeldToken | TokenFailure> {
    if (this.fetching) return this.fetching;
    if (this.failed && now < this.failed.until) return Promise.resolve(this.failed.failure);
    this.fetching = this.fetch().finally(() => {
      this.fetching = null;
    });
    return this.fetching;
  }

  private async fetch(): Promise<HeldToken | TokenFailure> {
    const grant = await this.fetchInTime();
    const now = performance.now();
    if (grant.kind === 'failed') {
      this.failed = { failure: grant, until: now + Math.max(this.options.failurePauseMs, grant.retryAfterMs ?? 0) };
      return grant;
    }
    this.failed = null;
    this.held = {
      value: grant.token,
      refreshAt: now + grant.lifetimeMs - Math.min(REFRESH_EARLY_MS, grant.lifetimeMs * REFRESH_EARLY_SHARE),
      endsAt: now + grant.lifetimeMs,
    };
    return this.held;
  }

  private async fetchInTime(): Promise<TokenGrant> {
    try {
      return await withDeadline(this.fetchToken(), this.options.fetchTimeoutMs);
    } catch (error) {
      if (error instanceof DeadlineError) return unavailable('TokenTimeout');
      return unavailable(error instanceof ChannelError ? error.reason : 'UnexpectedError');
    }
  }
}

function isRefusal(answer: { kind: string }): answer is TokenRefused {
  return answer.kind === 'token-refused';
}

function unavailable(reason: string): TokenFailure {
  return { kind: 'failed', cause: 'provider-down', reason };
}
