import { type IncomingHttpHeaders } from 'node:http';
import { parseJsonObject } from '../../encoding/json.js';
import { type TokenFailure, type TokenGrant } from './oauth-token-source.js';
import { readRetryAfter } from './retry-after.js';

/** Assumed when the answer does not say: short, so that a wrong guess heals soon. */
const UNSTATED_LIFETIME_MS = 300_000;

/**
 * Reads the answer of an OAuth 2.0 token endpoint.
 *
 * Granted: 200 `{"access_token": "...", "expires_in": <seconds>}`. Refused: 4xx `{"error": "invalid_grant", ...}`;
 * Huawei's `error` is a number such as 1101. A refusal is about who we are (`credential`); 404 and 405 about where we
 * asked (`configuration`); 408, 429 and 5xx pass. A 200 that is not a grant counts as an endpoint out of order.
 *
 * @param now UTC epoch milliseconds
 * @see RFC 6749 sections 5.1 and 5.2
 */
export function readTokenAnswer(
  answer: { status: number; headers: IncomingHttpHeaders; body: Buffer },
  now: number,
): TokenGrant {
  const fields = parseJsonObject(answer.body);
  if (answer.status === 200) {
    const token = fields?.['access_token'];
    // Anything else cannot be put into a header.
    if (typeof token !== 'string' || !/^[\x21-\x7e]{1,8192}$/.test(token)) {
      return { kind: 'failed', cause: 'provider-down', reason: 'TokenAnswerMalformed' };
    }
    return { kind: 'granted', token, lifetimeMs: readLifetime(fields?.['expires_in']) };
  }
  const retryAfterMs = readRetryAfter(answer.headers['retry-after'], now);
  return {
    kind: 'failed',
    cause: causeOf(answer.status),
    reason: readErrorCode(fields?.['error']) ?? `TokenHttp${answer.status}`,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

function causeOf(status: number): TokenFailure['cause'] {
  if (status === 429) return 'provider-throttled';
  if (status === 404 || status === 405) return 'configuration';
  if (status >= 400 && status < 500 && status !== 408) return 'credential';
  return 'provider-down';
}

function readLifetime(expiresIn: unknown): number {
  const seconds = Number(expiresIn);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : UNSTATED_LIFETIME_MS;
}

/** Only what looks like a code is taken over: the text comes from the network and ends in logs and metrics. */
function readErrorCode(error: unknown): string | undefined {
  if (typeof error === 'number' && Number.isInteger(error) && error >= 0 && error < 1e8) return `TokenError${error}`;
  return typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? error : undefined;
}
