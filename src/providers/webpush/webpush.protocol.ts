import { createHash } from 'node:crypto';
import { type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { appData } from '../app-data.protocol.js';
import { readRetryAfter } from '../http/retry-after.js';
import { type PushContent, type Urgency } from '../push-content.js';
import { type DeliveryResult } from '../push-transport.js';
import { P256DH_BYTES } from './phone-keys.protocol.js';

/** Bytes of a body that every push server takes (RFC 8030 §7.2; UnifiedPush SERV_1.2.0). */
const MAX_BODY_BYTES = 4096;

/** RFC 8188 §2: salt 16, record size 4, length of the key id 1, the key id (our point) 65; then the padding delimiter and the tag. */
const ENCRYPTION_BYTES = 16 + 4 + 1 + P256DH_BYTES + 1 + 16;

/** What is encrypted: compact JSON of the map that Android apps get from other push services as their data. */
export function webPushPlaintext(content: PushContent): string {
  return JSON.stringify(appData(content));
}

/** At most 3,993 bytes of UTF-8. */
export function webPushFits(plaintext: string): boolean {
  return Buffer.byteLength(plaintext) <= MAX_BODY_BYTES - ENCRYPTION_BYTES;
}

/**
 * The topic of a push (RFC 8030 §5.4): 32 characters of base64url, the first 24 bytes of a SHA-256. Every attempt of one
 * notification for one endpoint has the same one, so that an attempt whose outcome is unknown is replaced by the next while
 * it waits; no two notifications share one, so nothing else is.
 *
 * @param notificationId a UUID
 */
export function topicOf(notificationId: string, endpoint: string): string {
  return createHash('sha256').update(`${notificationId} ${endpoint}`).digest().subarray(0, 24).toString('base64url');
}

/**
 * Headers of the POST to an endpoint, by RFC 8030 §5 (`TTL` in whole seconds, `Urgency`, `Topic`), RFC 8188 and RFC 8291
 * (`Content-Encoding`), RFC 8292 (`Authorization: vapid t=…, k=…`).
 */
export function webPushHeaders(request: {
  topic: string;
  urgency: Urgency;
  /** Milliseconds; what is left of less than a second is nothing. */
  ttlMs: number;
  authorization: string;
  bodyBytes: number;
}): OutgoingHttpHeaders {
  return {
    ttl: String(Math.max(0, Math.floor(request.ttlMs / 1000))),
    urgency: request.urgency,
    topic: request.topic,
    authorization: request.authorization,
    'content-encoding': 'aes128gcm',
    'content-type': 'application/octet-stream',
    'content-length': request.bodyBytes,
  };
}

/**
 * What an answer says, and about whom.
 * - `accepted`
 * - `too-large`: the same push without content may do
 * - `unknown-endpoint`: 404. A server that is in order forgot the endpoint; a front end whose server is away says it of all
 * - `of-endpoint`: a result for this endpoint, which tells nothing about the others of its host
 * - `of-host`: it is out of order
 */
export type WebPushVerdict =
  | { kind: 'accepted' | 'too-large' }
  | { kind: 'unknown-endpoint'; reason: string }
  | { kind: 'of-endpoint'; result: DeliveryResult }
  | { kind: 'of-host'; reason: string; retryAfterMs?: number };

/** An endpoint at which no app listens: one may listen again, but not within seconds. */
const NOBODY_LISTENS_MS = 10 * 60_000;

/**
 * Reads the answer of a push server; only the status and `Retry-After` count, because bodies differ and a stranger writes them.
 *
 * - 2xx is taken: 201 by RFC 8030 §5, 200 by ntfy, 202 by servers that keep receipts.
 * - 404 and 410 (RFC 8030 §7.3): the subscription is no more.
 * - 413: larger than this server takes; bridges of autopush have less room than 4,096 bytes.
 * - 429: a bound of this endpoint (UnifiedPush: per endpoint, not per host); `Retry-After`.
 * - 507: ntfy, when nobody has subscribed to this topic lately.
 * - 400, and what else is below 500: the server refuses the request as such, and would again. UnifiedPush: not to be repeated.
 * - 401, 403: VAPID is refused (RFC 8292 §4.2): the endpoint was made with another key, or this server dislikes our contact. It
 *   is no word about the subscription, which waits.
 * - 3xx is not followed. It, 408, 425 and 5xx say that the server is not in order.
 *
 * @param now UTC epoch milliseconds, for a `Retry-After` that is a date
 */
export function readWebPushAnswer(status: number, headers: IncomingHttpHeaders, now: number): WebPushVerdict {
  const reason = `Http${status}`;
  const waitMs = readRetryAfter(headers['retry-after'], now);
  const wait = waitMs === undefined ? {} : { retryAfterMs: waitMs };
  if (status >= 200 && status < 300) return { kind: 'accepted' };
  switch (status) {
    case 404:
      return { kind: 'unknown-endpoint', reason };
    case 410:
      return ofEndpoint({ outcome: 'token-gone', reason });
    case 413:
      return { kind: 'too-large' };
    case 401:
    case 403:
      return ofEndpoint({ outcome: 'retry', cause: 'host-down', reason, ...wait });
    case 429:
      return ofEndpoint({ outcome: 'retry', cause: 'device-throttled', reason, ...wait });
    case 507:
      return ofEndpoint({ outcome: 'retry', cause: 'host-down', reason, retryAfterMs: waitMs ?? NOBODY_LISTENS_MS });
    case 408:
    case 425:
      return { kind: 'of-host', reason, ...wait };
    default:
      return status >= 400 && status < 500
        ? ofEndpoint({ outcome: 'refused', reason })
        : { kind: 'of-host', reason, ...wait };
  }
}

const ofEndpoint = (result: DeliveryResult): WebPushVerdict => ({ kind: 'of-endpoint', result });
