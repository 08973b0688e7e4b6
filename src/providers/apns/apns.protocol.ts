import { type IncomingHttpHeaders, type OutgoingHttpHeaders, sensitiveHeaders } from 'node:http2';
import { v5 as uuidV5 } from 'uuid';
import { parseJsonObject } from '../../encoding/json.js';
import { type PushContent } from '../push-content.js';
import { type DeliveryResult, type RetryCause } from '../push-transport.js';
import { readRetryAfter } from '../http/retry-after.js';

/** UTF-8 bytes of the whole payload. Apple, "Generating a remote notification". */
const MAX_PAYLOAD_BYTES = 4096;

/** The apps' notification service extension replaces the text; it is what people see when that fails. */
const aps = (body: string): string =>
  `"aps":{"alert":{"title":"Session","body":${JSON.stringify(body)}},` +
  '"badge":1,"sound":"default","mutable-content":1,"category":"SECRET"}';

const LEGACY_APS = aps("You've got a new message");
const SEALED_APS = aps('New message');

/**
 * The payload that the iOS apps read (docs/protocol.md): compact JSON with its keys in this order.
 * - legacy: `{"aps":{…},"ENCRYPTED_DATA":"<data>","remote":1}`, without `ENCRYPTED_DATA` when there is none
 * - sealed: `{"aps":{…},"spns":"2","enc_payload":"<payload>"}`, without `enc_payload` when there is none
 *
 * A phone that finds no content shows its generic notice.
 */
export function apnsPayload(content: PushContent): string {
  switch (content.kind) {
    case 'none':
      return `{${LEGACY_APS},"remote":1}`;
    case 'legacy':
      return `{${LEGACY_APS},"ENCRYPTED_DATA":${JSON.stringify(content.data)},"remote":1}`;
    case 'sealed': {
      const payload = content.payload === null ? '' : `,"enc_payload":${JSON.stringify(content.payload)}`;
      return `{${SEALED_APS},"spns":"2"${payload}}`;
    }
  }
}

export function apnsPayloadFits(payload: string): boolean {
  return Buffer.byteLength(payload) <= MAX_PAYLOAD_BYTES;
}

/** Whole bytes in hexadecimal: the token goes into the path as it is. Apple asks not to expect a length. */
export function isApnsToken(token: string): boolean {
  return /^(?:[0-9a-f]{2}){1,512}$/i.test(token);
}

/**
 * The identifier of a notification on its way to one device: UUID version 5 (RFC 9562) of the token's text in the
 * notification's own namespace. Every attempt has the same one, also after a restart.
 *
 * @param notificationId a UUID
 */
export function apnsId(notificationId: string, token: string): string {
  return uuidV5(token, notificationId);
}

/**
 * Headers of `POST /3/device/<token>`. Apple, "Sending notification requests to APNs".
 *
 * The collapse id is the apns-id. An attempt whose outcome is unknown is repeated, and then the phone shows one
 * notification instead of two; no two notifications share one, so nothing else is ever collapsed.
 *
 * @param token {@link isApnsToken}
 * @param expiresAt UTC epoch milliseconds; sent in whole seconds
 * @param jwt null = the connection's certificate says who we are
 */
export function apnsHeaders(request: {
  token: string;
  topic: string;
  id: string;
  expiresAt: number;
  jwt: string | null;
}): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {
    ':method': 'POST',
    ':path': `/3/device/${request.token}`,
    'apns-topic': request.topic,
    'apns-push-type': 'alert',
    'apns-priority': '10',
    'apns-id': request.id,
    'apns-collapse-id': request.id,
    'apns-expiration': String(Math.floor(request.expiresAt / 1000)),
    // Values that never come again would push the others out of the table that header compression uses.
    [sensitiveHeaders]: [':path', 'apns-id', 'apns-collapse-id', 'apns-expiration'],
  };
  if (request.jwt !== null) headers['authorization'] = `bearer ${request.jwt}`;
  return headers;
}

/**
 * What an answer means.
 * - `accepted`: APNs took it
 * - `bad-token`: dead, or made by the other environment
 * - `too-large`: the payload is above what APNs takes
 * - `jwt-expired`: a new JWT may do
 * - `result`: final for this attempt
 */
export type ApnsVerdict =
  { kind: 'accepted' | 'bad-token' | 'too-large' | 'jwt-expired' } | { kind: 'result'; result: DeliveryResult };

type Meaning =
  | { kind: 'bad-token' | 'too-large' | 'jwt-expired' | 'token-gone' | 'refused' }
  | { kind: 'retry'; cause: RetryCause; defaultWaitMs?: number };

const OUR_MISTAKE: Meaning = { kind: 'refused' };
const CREDENTIAL: Meaning = { kind: 'retry', cause: 'credential' };
/** The topic comes from the operator, so the pushes wait until it is mended. */
const CONFIGURATION: Meaning = { kind: 'retry', cause: 'configuration' };
const WRONG_ADDRESS: Meaning = { kind: 'retry', cause: 'wrong-address' };
const DOWN: Meaning = { kind: 'retry', cause: 'provider-down' };
/** APNs counts in steps of twenty minutes and does not say when one ends. */
const TOKEN_UPDATES_WAIT_MS = 60_000;

/**
 * Status and reason, as documented together. Any other pair is unknown: kept, retried, never a removal.
 *
 * Source: https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
 * (`BadEnvironmentKeyInToken` is how APNs has been seen to spell `BadEnvironmentKeyIdInToken`).
 */
export const APNS_ERRORS: Readonly<Record<string, Meaning>> = {
  '400 BadCollapseId': OUR_MISTAKE,
  '400 BadDeviceToken': { kind: 'bad-token' },
  '400 BadExpirationDate': OUR_MISTAKE,
  '400 BadMessageId': OUR_MISTAKE,
  '400 BadPriority': OUR_MISTAKE,
  '400 BadTopic': CONFIGURATION,
  '400 DeviceTokenNotForTopic': WRONG_ADDRESS,
  '400 DuplicateHeaders': OUR_MISTAKE,
  '400 IdleTimeout': { kind: 'retry', cause: 'not-processed' },
  '400 InvalidPushType': OUR_MISTAKE,
  '400 MissingDeviceToken': OUR_MISTAKE,
  '400 MissingTopic': CONFIGURATION,
  '400 PayloadEmpty': OUR_MISTAKE,
  '400 TopicDisallowed': WRONG_ADDRESS,
  '403 BadCertificate': CREDENTIAL,
  '403 BadCertificateEnvironment': CREDENTIAL,
  '403 BadEnvironmentKeyIdInToken': CREDENTIAL,
  '403 BadEnvironmentKeyInToken': CREDENTIAL,
  '403 ExpiredProviderToken': { kind: 'jwt-expired' },
  '403 Forbidden': CREDENTIAL,
  '403 InvalidProviderToken': CREDENTIAL,
  '403 MissingProviderToken': CREDENTIAL,
  '403 UnrelatedKeyIdInToken': CREDENTIAL,
  '404 BadPath': OUR_MISTAKE,
  '405 MethodNotAllowed': OUR_MISTAKE,
  '410 ExpiredToken': { kind: 'token-gone' },
  '410 Unregistered': { kind: 'token-gone' },
  '413 PayloadTooLarge': { kind: 'too-large' },
  '429 TooManyProviderTokenUpdates': {
    kind: 'retry',
    cause: 'provider-throttled',
    defaultWaitMs: TOKEN_UPDATES_WAIT_MS,
  },
  '429 TooManyRequests': { kind: 'retry', cause: 'device-throttled' },
  '500 InternalServerError': DOWN,
  '503 ServiceUnavailable': DOWN,
  '503 Shutdown': DOWN,
};

/**
 * Reads the answer to a push: 200 with an empty body, or an error status with `{"reason": "…"}` and, for 410,
 * `"timestamp"`: UTC epoch milliseconds since when the token is dead. A 410 without it is not what is documented and
 * removes nothing.
 *
 * @param now UTC epoch milliseconds, for a `Retry-After` that is a date
 */
export function readApnsAnswer(
  answer: { status: number; headers: IncomingHttpHeaders; body: Buffer },
  now: number,
): ApnsVerdict {
  const { status } = answer;
  if (status === 200) return { kind: 'accepted' };
  const json = parseJsonObject(answer.body);
  // The text comes from the network and ends in logs and metrics: only what looks like a reason is taken over.
  const text = json?.['reason'];
  const reason = typeof text === 'string' && /^[A-Za-z]{1,40}$/.test(text) ? text : undefined;
  const timestamp = json?.['timestamp'];
  const waitMs = readRetryAfter(answer.headers['retry-after'], now);
  const known = reason === undefined ? undefined : APNS_ERRORS[`${status} ${reason}`];
  if (reason === undefined || known === undefined) return unknown(status, reason, waitMs);
  switch (known.kind) {
    case 'bad-token':
    case 'too-large':
    case 'jwt-expired':
      return { kind: known.kind };
    case 'refused':
      return { kind: 'result', result: { outcome: 'refused', reason } };
    case 'token-gone':
      return typeof timestamp === 'number' && Number.isSafeInteger(timestamp)
        ? { kind: 'result', result: { outcome: 'token-gone', reason, goneSince: timestamp } }
        : unknown(status, reason, waitMs);
    case 'retry':
      return retry(known.cause, reason, waitMs ?? known.defaultWaitMs);
  }
}

function unknown(status: number, reason: string | undefined, waitMs: number | undefined): ApnsVerdict {
  const name = reason === undefined ? `Unknown:${status}` : `Unknown:${status}:${reason}`;
  return retry(status >= 500 ? 'provider-down' : 'outcome-unknown', name, waitMs);
}

function retry(cause: RetryCause, reason: string, retryAfterMs: number | undefined): ApnsVerdict {
  return {
    kind: 'result',
    result: { outcome: 'retry', cause, reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
  };
}
