import { type IncomingHttpHeaders } from 'node:http';
import { isJsonObject, type JsonObject, parseJsonObject } from '../../encoding/json.js';
import { type TokenRefused } from '../http/oauth-token-source.js';
import { appData } from '../app-data.protocol.js';
import { type PushContent } from '../push-content.js';
import { type DeliveryResult, type RetryCause } from '../push-transport.js';
import { readRetryAfter } from '../http/retry-after.js';

/** Tokens of one request. Huawei, "Sending Messages", message.token. */
export const HUAWEI_MAX_TOKENS = 1000;
/** Of a request without its tokens, in UTF-8 bytes. Huawei, "Sending Messages", code 80300008. */
const HUAWEI_MAX_BYTES = 4096;
/** Huawei, "Sending Messages", android.ttl: 15 days. */
const MAX_TTL_S = 1_296_000;

export interface HuaweiMessage {
  content: PushContent;
  /** Time left to live; counts as a second at least. */
  ttlMs: number;
  urgency: 'HIGH' | 'NORMAL';
}

/**
 * The body of `POST /v1/{appId}/messages:send` (docs/protocol.md §5), keys in this order:
 * `{"validate_only":false,"message":{"data":…,"android":{"urgency":"HIGH","ttl":"86400s"},"token":[…]}}`.
 *
 * @param tokens 1 to {@link HUAWEI_MAX_TOKENS}
 */
export function huaweiBody(message: HuaweiMessage, tokens: readonly string[]): string {
  return JSON.stringify({ validate_only: false, message: { ...fields(message), token: tokens } });
}

/** Whether a push with this content is within HMS's size. */
export function huaweiContentFits(message: HuaweiMessage): boolean {
  const body = JSON.stringify({ validate_only: false, message: fields(message) });
  return Buffer.byteLength(body) <= HUAWEI_MAX_BYTES;
}

function fields({ content, ttlMs, urgency }: HuaweiMessage) {
  const seconds = Math.min(Math.max(Math.floor(ttlMs / 1000), 1), MAX_TTL_S);
  return { data: dataOf(content), android: { urgency, ttl: `${seconds}s` } };
}

/**
 * The app reads `data` as a JSON map when it is one with entries, and as base64 otherwise: a sender's base64 goes as it
 * came, everything else as a map. A map without content ends in the app's generic notice, while `{}` or an empty text
 * would be taken for base64 and end in nothing.
 */
function dataOf(content: PushContent): string {
  return content.kind === 'legacy' ? content.data : JSON.stringify(appData(content));
}

/**
 * What an answer means.
 * - `accepted`: for all tokens but the illegal ones; when the list is not `complete`, the others are not certain
 * - `result`: the same for every token
 * - `split`: send the tokens again in smaller requests
 * - `too-large`, `priority-refused`: send again without content, with urgency NORMAL
 */
export type HuaweiVerdict =
  | { kind: 'accepted'; illegalTokens: ReadonlySet<string>; complete: boolean; reason: string }
  | { kind: 'result'; result: DeliveryResult }
  | { kind: 'split'; into: 'halves' | 'singles'; reason: string }
  | { kind: 'too-large' | 'priority-refused'; reason: string }
  | TokenRefused;

type FinalMeaning = { kind: 'refused' } | { kind: 'retry'; cause: RetryCause };
type Meaning =
  | FinalMeaning
  | { kind: 'accepted' | 'some-illegal' | 'all-invalid' | 'too-large' | 'priority-refused' | 'token-refused' }
  | { kind: 'split'; into: 'halves' | 'singles' };

const REFUSED: FinalMeaning = { kind: 'refused' };
const CONFIGURATION: FinalMeaning = { kind: 'retry', cause: 'configuration' };
const THROTTLED: FinalMeaning = { kind: 'retry', cause: 'provider-throttled' };
const DOWN: FinalMeaning = { kind: 'retry', cause: 'provider-down' };
const UNKNOWN: FinalMeaning = { kind: 'retry', cause: 'outcome-unknown' };
const TOKEN_REFUSED: Meaning = { kind: 'token-refused' };

/**
 * The JSON `code`, which decides: most failures come with HTTP 200. A code that is not here is unknown: kept, retried,
 * never a removal; the 82xxxxxx ones are about topics and groups, which are not used. Source: "Result Codes" of
 * https://developer.huawei.com/consumer/en/doc/HMSCore-References/https-send-api-0000001050986197
 */
export const HUAWEI_CODES: Readonly<Record<string, Meaning>> = {
  '80000000': { kind: 'accepted' },
  '80100000': { kind: 'some-illegal' },
  // Parameter, structure, collapse key, body, image: a mistake of ours.
  '80100001': REFUSED,
  '80100003': REFUSED,
  '80100013': REFUSED,
  '80100018': REFUSED,
  '80100022': REFUSED,
  // A system message takes one token.
  '80100002': { kind: 'split', into: 'singles' },
  // The time to live is over.
  '80100004': REFUSED,
  // Sensitive words.
  '80100016': REFUSED,
  // Too many tasks.
  '80100017': THROTTLED,
  // OAuth token bad, OAuth token expired, JWT expired.
  '80200001': TOKEN_REFUSED,
  '80200003': TOKEN_REFUSED,
  '80200005': TOKEN_REFUSED,
  // The app may not push to these tokens.
  '80300002': CONFIGURATION,
  '80300007': { kind: 'all-invalid' },
  '80300008': { kind: 'too-large' },
  '80300010': { kind: 'split', into: 'halves' },
  '80300011': { kind: 'priority-refused' },
  // Receipt address.
  '80300013': CONFIGURATION,
  // Limits of test messages.
  '80300029': CONFIGURATION,
  '80300030': CONFIGURATION,
  // A JWT that is valid for more than a day.
  '80300036': { kind: 'retry', cause: 'credential' },
  // The app is penalised.
  '80300037': CONFIGURATION,
  // Huawei's OAuth service failed.
  '80600003': DOWN,
  '81000001': DOWN,
};

/**
 * Why a token is invalid, when `msg` says it. What is the app's or the operator's matter does not remove it. The first
 * that applies counts, so the careful ones stand first.
 */
const HUAWEI_INVALID_TOKEN_CAUSES: readonly (readonly [word: string, meaning: FinalMeaning | 'token-gone'])[] = [
  ['appinfoError', CONFIGURATION],
  ['penalty', CONFIGURATION],
  ['noRight', CONFIGURATION],
  // The regions that an app is pushed to in are the operator's to set.
  ['countryNotSupport', REFUSED],
  ['tokenPlatformNotSupport', 'token-gone'],
  ['tokenFormatError', 'token-gone'],
];

/** HTTP statuses that decide whatever the body says: a proxy or the front end spoke. */
const FRONT_END: Readonly<Record<number, Meaning>> = {
  404: CONFIGURATION,
  500: DOWN,
  502: DOWN,
  503: THROTTLED,
  504: DOWN,
};
/** HTTP statuses of answers without a code. */
const WITHOUT_CODE: Readonly<Record<number, Meaning>> = { 401: TOKEN_REFUSED, 429: THROTTLED };

/**
 * Reads the answer to `messages:send`: `{"code": "80000000", "msg": "Success", "requestId": "…"}`. With 80100000 `msg` is
 * itself JSON: `{"success": n, "failure": n, "illegal_tokens": […]}`.
 *
 * @param tokenCount tokens of the request; several at once are never believed to be all invalid
 * @param now UTC epoch milliseconds, for a `Retry-After` that is a date
 */
export function readHuaweiAnswer(
  answer: { status: number; headers: IncomingHttpHeaders; body: Buffer },
  tokenCount: number,
  now: number,
): HuaweiVerdict {
  const json = parseJsonObject(answer.body);
  const code = readCode(json?.['code']);
  const { meaning, reason } = classify(answer.status, code, json !== null);
  switch (meaning.kind) {
    case 'accepted':
      return { kind: 'accepted', illegalTokens: new Set(), complete: true, reason };
    case 'some-illegal':
      return readIllegalTokens(json?.['msg'], reason);
    case 'all-invalid':
      return tokenCount === 1 ? invalidToken(json?.['msg'], reason) : { kind: 'split', into: 'halves', reason };
    case 'split':
      return { kind: 'split', into: meaning.into, reason };
    case 'too-large':
    case 'priority-refused':
    case 'token-refused':
      return { kind: meaning.kind, reason };
    case 'refused':
    case 'retry':
      return {
        kind: 'result',
        result: finalResult(meaning, reason, readRetryAfter(answer.headers['retry-after'], now)),
      };
  }
}

function classify(status: number, code: string | undefined, isJson: boolean): { meaning: Meaning; reason: string } {
  const frontEnd = FRONT_END[status];
  if (frontEnd) return { meaning: frontEnd, reason: code === undefined ? `Http${status}` : `Code${code}` };
  if (code !== undefined) {
    const meaning = HUAWEI_CODES[code] ?? UNKNOWN;
    // A success that is not an HTTP success is none.
    const contradicts = status !== 200 && (meaning.kind === 'accepted' || meaning.kind === 'some-illegal');
    return { meaning: contradicts ? UNKNOWN : meaning, reason: `Code${code}` };
  }
  if (status === 200) return { meaning: UNKNOWN, reason: 'MalformedAnswer' };
  // HMS itself says JSON; another 400 is a proxy's, and says nothing about the message.
  if (status === 400 && isJson) return { meaning: REFUSED, reason: 'Http400' };
  return { meaning: WITHOUT_CODE[status] ?? (status >= 500 ? DOWN : UNKNOWN), reason: `Http${status}` };
}

function finalResult(meaning: FinalMeaning, reason: string, retryAfterMs?: number): DeliveryResult {
  if (meaning.kind === 'refused') return { outcome: 'refused', reason };
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  return { outcome: 'retry', cause: meaning.cause, reason, ...wait };
}

function readIllegalTokens(msg: unknown, reason: string): HuaweiVerdict {
  const json = asObject(msg);
  const list = json?.['illegal_tokens'];
  const illegalTokens = new Set(Array.isArray(list) ? list.filter((token) => typeof token === 'string') : []);
  const complete = illegalTokens.size > 0 && Number(json?.['failure'] ?? illegalTokens.size) === illegalTokens.size;
  return { kind: 'accepted', illegalTokens, complete, reason };
}

function invalidToken(msg: unknown, code: string): HuaweiVerdict {
  const [word, meaning = 'token-gone'] = HUAWEI_INVALID_TOKEN_CAUSES.find(([cause]) => names(msg, cause)) ?? [];
  const reason = word === undefined ? code : `${code}:${word}`;
  return {
    kind: 'result',
    result: meaning === 'token-gone' ? { outcome: 'token-gone', reason } : finalResult(meaning, reason),
  };
}

/** `msg` is a sentence, or JSON with the causes as keys; a key with nothing under it does not apply. */
function names(msg: unknown, cause: string): boolean {
  const value = asObject(msg)?.[cause];
  if (asObject(msg) === null) return typeof msg === 'string' && msg.includes(cause);
  return Array.isArray(value) ? value.length > 0 : Boolean(value);
}

function asObject(msg: unknown): JsonObject | null {
  if (isJsonObject(msg)) return msg;
  return typeof msg === 'string' ? parseJsonObject(msg) : null;
}

/** Eight digits, as text or as a number: nothing else of the network's ends in a reason. */
function readCode(code: unknown): string | undefined {
  const text = typeof code === 'number' ? String(code) : code;
  return typeof text === 'string' && /^\d{8}$/.test(text) ? text : undefined;
}
