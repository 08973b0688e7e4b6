import { type IncomingHttpHeaders } from 'node:http';
import { isJsonObject, type JsonObject, parseJsonObject } from '../../encoding/json.js';
import { type TokenRefused } from '../http/oauth-token-source.js';
import { appData } from '../app-data.protocol.js';
import { type PushContent, type Urgency } from '../push-content.js';
import { type DeliveryResult, type RetryCause } from '../push-transport.js';
import { readRetryAfter } from '../http/retry-after.js';

/** Keys and values of `data` in UTF-8 bytes. FCM reference, ErrorCode, "Message too big". */
const FCM_MAX_DATA_BYTES = 4096;
/** FCM reference, AndroidConfig.ttl: four weeks. */
const MAX_TTL_S = 2_419_200;

/** The part of FCM's `Message` that a push from here uses. */
export interface FcmMessage {
  token: string;
  data: Record<string, string>;
  android: { priority: Urgency; ttl: string };
}

/**
 * The body of `POST /v1/projects/<id>/messages:send` (docs/protocol.md):
 * `{"message":{"token":…,"data":{…},"android":{"priority":"high","ttl":"86400s"}}}`. The map of `data` is
 * - legacy: `{"ENCRYPTED_DATA":…}`, or `{"remote":"1"}` without content: `remote` marks a push from here on APNs
 * - sealed: `{"enc_payload":…,"spns":"2"}`, without `enc_payload` when there is none
 *
 * The apps show their generic notice when there is no content; a message without any data is not sure to reach their code.
 *
 * @param content one that {@link fcmContentFits}
 * @param ttlMs time left to live; below a second it becomes 0: now or never
 */
export function fcmBody(token: string, content: PushContent, urgency: Urgency, ttlMs: number): string {
  const seconds = Math.min(Math.max(Math.floor(ttlMs / 1000), 0), MAX_TTL_S);
  const android = { priority: urgency, ttl: `${seconds}s` };
  const message: FcmMessage = { token, data: appData(content), android };
  return JSON.stringify({ message });
}

/** Whether a push with this content is within FCM's size. */
export function fcmContentFits(content: PushContent): boolean {
  const bytes = Object.entries(appData(content))
    .flat()
    .map((text) => Buffer.byteLength(text));
  return bytes.reduce((sum, length) => sum + length, 0) <= FCM_MAX_DATA_BYTES;
}

/**
 * What an answer means.
 * - `result`: final for this attempt
 * - `bad-argument`: something in the message is wrong, and FCM does not always say what: too much content is among it
 * - `token-refused`: the OAuth token is not (or no longer) good
 */
export type FcmVerdict =
  { kind: 'result'; result: DeliveryResult } | { kind: 'bad-argument'; reason: string } | TokenRefused;

type Meaning =
  | { kind: 'token-gone' | 'bad-argument' | 'token-refused' | 'throttled' }
  | { kind: 'retry'; cause: RetryCause; defaultWaitMs?: number };

/** FCM guide, "Best practices when sending at scale": wait at least this long after a 5xx without `Retry-After`. */
const SERVER_ERROR_WAIT_MS = 10_000;
/** FCM reference, ErrorCode QUOTA_EXCEEDED: exponential backoff with a minimum of one minute. */
const QUOTA_WAIT_MS = 60_000;

const SERVER_ERROR: Meaning = { kind: 'retry', cause: 'provider-down', defaultWaitMs: SERVER_ERROR_WAIT_MS };
const CONFIGURATION: Meaning = { kind: 'retry', cause: 'configuration' };
const UNKNOWN: Meaning = { kind: 'retry', cause: 'outcome-unknown' };

/**
 * Status and `FcmError.errorCode`, as documented together. Any other pair is unknown: kept, retried, never a removal;
 * `UNSPECIFIED_ERROR` is left out on purpose. Source: https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
 */
export const FCM_ERRORS: Readonly<Record<string, Meaning>> = {
  '400 INVALID_ARGUMENT': { kind: 'bad-argument' },
  '401 THIRD_PARTY_AUTH_ERROR': { kind: 'retry', cause: 'credential' },
  '403 SENDER_ID_MISMATCH': { kind: 'retry', cause: 'wrong-address' },
  '404 UNREGISTERED': { kind: 'token-gone' },
  '429 QUOTA_EXCEEDED': { kind: 'throttled' },
  '500 INTERNAL': SERVER_ERROR,
  '503 UNAVAILABLE': SERVER_ERROR,
};

/**
 * Status and `error.status` of answers without an `FcmError`: Google's front end spoke, not FCM. Source:
 * https://cloud.google.com/apis/design/errors. A 404 here is a wrong project or address, never a dead token.
 */
export const FCM_FRONT_END_ERRORS: Readonly<Record<string, Meaning>> = {
  '400 INVALID_ARGUMENT': { kind: 'bad-argument' },
  '401 UNAUTHENTICATED': { kind: 'token-refused' },
  '403 PERMISSION_DENIED': CONFIGURATION,
  '404 NOT_FOUND': CONFIGURATION,
  '429 RESOURCE_EXHAUSTED': { kind: 'throttled' },
  '500 INTERNAL': SERVER_ERROR,
  '503 UNAVAILABLE': SERVER_ERROR,
};

/** When not even `error.status` can be read, as with the HTML pages of a proxy. */
const BARE_STATUS: Readonly<Record<number, Meaning>> = {
  401: { kind: 'token-refused' },
  404: CONFIGURATION,
  429: { kind: 'throttled' },
};

/**
 * How FCM says that the registration token itself is malformed: a violation of this field, or (since 2021, without
 * naming a field) this sentence beside the code. Source: FCM guide, "Manage registration tokens", "Detect invalid token
 * responses"; firebase-admin-java issue 1064.
 */
const TOKEN_FIELD = 'message.token';
const TOKEN_SENTENCE = 'The registration token is not a valid FCM registration token';

/**
 * Reads the answer to `messages:send`. Accepted: 200 `{"name": "projects/…"}`. Refused: `{"error": {"code", "message",
 * "status", "details": [{"@type": "….FcmError", "errorCode"}, …]}}`.
 *
 * @param now UTC epoch milliseconds, for a `Retry-After` that is a date
 */
export function readFcmAnswer(
  answer: { status: number; headers: IncomingHttpHeaders; body: Buffer },
  now: number,
): FcmVerdict {
  const { status } = answer;
  const json = parseJsonObject(answer.body);
  if (status === 200) {
    return typeof json?.['name'] === 'string'
      ? { kind: 'result', result: { outcome: 'delivered', contentLeftOut: false } }
      : retry('outcome-unknown', 'MalformedAnswer');
  }
  const error = readError(json);
  const { meaning, reason } = classify(status, error);
  const waitMs = readRetryAfter(answer.headers['retry-after'], now);
  switch (meaning.kind) {
    case 'token-gone':
      return { kind: 'result', result: { outcome: 'token-gone', reason } };
    case 'bad-argument':
      return error.tokenIsMalformed
        ? { kind: 'result', result: { outcome: 'token-gone', reason: 'INVALID_ARGUMENT' } }
        : { kind: 'bad-argument', reason };
    case 'token-refused':
      return { kind: 'token-refused', reason };
    case 'throttled':
      return retry(error.namesDevice ? 'device-throttled' : 'provider-throttled', reason, waitMs ?? QUOTA_WAIT_MS);
    case 'retry':
      return retry(meaning.cause, reason, waitMs ?? meaning.defaultWaitMs);
  }
}

function classify(status: number, error: FcmErrorFields): { meaning: Meaning; reason: string } {
  if (error.fcmCode !== undefined) {
    return { meaning: FCM_ERRORS[`${status} ${error.fcmCode}`] ?? UNKNOWN, reason: error.fcmCode };
  }
  const known = error.status === undefined ? undefined : FCM_FRONT_END_ERRORS[`${status} ${error.status}`];
  if (known !== undefined && error.status !== undefined) return { meaning: known, reason: error.status };
  const bare = BARE_STATUS[status] ?? (status >= 500 ? SERVER_ERROR : UNKNOWN);
  return { meaning: bare, reason: error.status ?? `Http${status}` };
}

interface FcmErrorFields {
  /** `FcmError.errorCode`; `UnreadableCode` when there is one that does not look like a code. */
  fcmCode: string | undefined;
  /** `error.status`, when it looks like a code. */
  status: string | undefined;
  tokenIsMalformed: boolean;
  /** The quota that was exceeded is the device's, not the project's. */
  namesDevice: boolean;
}

function readError(json: JsonObject | null): FcmErrorFields {
  const error = isJsonObject(json?.['error']) ? json['error'] : {};
  const details = Array.isArray(error['details']) ? error['details'].filter(isJsonObject) : [];
  const fcmError = details.find((detail) => typeOf(detail) === 'google.firebase.fcm.v1.FcmError');
  const violations = (type: string, list: string) =>
    details
      .filter((detail) => typeOf(detail) === type)
      .flatMap((detail): unknown[] => (Array.isArray(detail[list]) ? detail[list] : []))
      .filter(isJsonObject);
  const quotaTexts = violations('google.rpc.QuotaFailure', 'violations').flatMap((violation) => [
    violation['subject'],
    violation['description'],
  ]);
  return {
    fcmCode: fcmError && (asCode(fcmError['errorCode']) ?? 'UnreadableCode'),
    status: asCode(error['status']),
    tokenIsMalformed:
      violations('google.rpc.BadRequest', 'fieldViolations').some((violation) => violation['field'] === TOKEN_FIELD) ||
      (fcmError !== undefined && error['message'] === TOKEN_SENTENCE),
    namesDevice: [...quotaTexts, error['message']].some((text) => typeof text === 'string' && /\bdevice\b/i.test(text)),
  };
}

function typeOf(detail: JsonObject): string | undefined {
  const type = detail['@type'];
  return typeof type === 'string' ? type.replace(/^type\.googleapis\.com\//, '') : undefined;
}

/** Only what looks like a code is taken over: the text comes from the network and ends in logs and metrics. */
function asCode(value: unknown): string | undefined {
  return typeof value === 'string' && /^[A-Z_]{1,40}$/.test(value) ? value : undefined;
}

function retry(cause: RetryCause, reason: string, retryAfterMs?: number): FcmVerdict {
  return {
    kind: 'result',
    result: { outcome: 'retry', cause, reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
  };
}
