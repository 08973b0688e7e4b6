import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { decodeJwt, isSignedBy } from './jwt.js';
import { type Answer, type GatewayRequest, jsonAnswer, retryAfterHeader } from './messages.js';

/**
 * `gone`: the app gave the endpoint up. `unknown`: the server never heard of it. `unheard`: nobody listens at it lately, as
 * ntfy says it.
 */
export type WebPushState = 'gone' | 'unknown' | 'unheard' | 'throttled';

/** What the app reads. */
export type WebPushBody = Record<string, unknown>;

const MAX_BODY_BYTES = 4096;
/** autopush: about 30 days. */
const MAX_TTL_SECONDS = 2_592_000;
const MAX_EXPIRY_SECONDS = 86_400;
const URGENCIES: ReadonlySet<string> = new Set(['very-low', 'low', 'normal', 'high']);

/** As autopush words its errors. */
export function webPushError(status: number, message: string, retryAfterSeconds?: number): Answer {
  return jsonAnswer(status, { code: status, message }, message, retryAfterHeader(retryAfterSeconds));
}

/** RFC 8030 §5, RFC 8188, RFC 8291: form of the request; undefined = it is well-formed. */
export function badRequest({ method, headers, body }: GatewayRequest): Answer | undefined {
  if (method !== 'POST') return webPushError(405, 'method not allowed');
  const { ttl, urgency, topic } = headers;
  if (ttl === undefined || !/^\d+$/.test(ttl)) return webPushError(400, 'missing or invalid TTL');
  if (Number(ttl) > MAX_TTL_SECONDS) return webPushError(400, 'TTL too large');
  if (urgency !== undefined && !URGENCIES.has(urgency)) return webPushError(400, 'invalid Urgency');
  if (topic !== undefined && !/^[A-Za-z0-9_-]{1,32}$/.test(topic)) return webPushError(400, 'invalid Topic');
  if (headers['content-encoding'] !== 'aes128gcm') return webPushError(400, 'invalid Content-Encoding');
  if (body.length > MAX_BODY_BYTES) return webPushError(413, 'payload too large');
  return body.length === 0 ? webPushError(400, 'no payload') : undefined;
}

/**
 * RFC 8292: who sends. The JWT is for this origin, ends within a day and is signed with the key that the endpoint was made
 * for.
 *
 * @param now UTC epoch milliseconds
 */
export function badSender(
  { headers }: GatewayRequest,
  origin: string,
  serverKey: string,
  now: number,
): Answer | undefined {
  const found = /^vapid t=([\w.-]+), k=([\w-]+)$/.exec(headers['authorization'] ?? '');
  const [, text = '', key = ''] = found ?? [];
  const jwt = decodeJwt(text);
  if (!found || !jwt) return webPushError(401, 'missing or invalid VAPID');
  if (key !== serverKey) return webPushError(403, 'VAPID key is not the one of the subscription');
  const pem = pemOf(key);
  if (pem === null || !isSignedBy(jwt, 'ES256', pem)) return webPushError(403, 'VAPID signature is wrong');
  const { aud, exp, sub } = jwt.claims;
  const seconds = now / 1000;
  if (aud !== origin) return webPushError(403, 'VAPID audience is another');
  if (typeof exp !== 'number' || exp < seconds || exp > seconds + MAX_EXPIRY_SECONDS) {
    return webPushError(403, 'VAPID expiry is over, or too far ahead');
  }
  if (typeof sub !== 'string' || !/^(mailto:|https:)/.test(sub)) return webPushError(401, 'VAPID has no contact');
  return undefined;
}

/** Null = it is no point of the curve. */
function pemOf(key: string): string | null {
  const point = Buffer.from(key, 'base64url');
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((half) => half.toString('base64url'));
  try {
    const jwk = { kty: 'EC', crv: 'P-256', x, y } satisfies JsonWebKey;
    return createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString();
  } catch {
    return null;
  }
}
