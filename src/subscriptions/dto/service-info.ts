import { MAX_ENDPOINT_LENGTH, readEndpoint } from '../../providers/webpush/endpoint.js';
import { decodeAuth, decodeP256dh, packKeys } from '../../providers/webpush/phone-keys.protocol.js';
import { type PushService } from '../wire/push-service.js';

/** What a phone says about how it is woken. */
export interface ServiceInfo {
  readonly token: string;
  /** Null = the service needs nothing beside the token. */
  readonly extra: Buffer | null;
}

/** As long as a token of the legacy API may be. */
const MAX_TOKEN_LENGTH = 1024;

const HEXADECIMAL_BYTES = /^(?:[0-9a-f]{2})+$/i;
const PRINTABLE_ASCII = /^[\x21-\x7e]+$/;

/** One entry for each service. A text is what is wrong. */
const READERS: Readonly<Record<PushService, (info: Readonly<Record<string, unknown>>) => ServiceInfo | string>> = {
  apns: readApnsToken,
  'apns-sandbox': readApnsToken,
  firebase: (info) => readToken('Firebase', info),
  huawei: (info) => readToken('Huawei', info),
  webpush: readWebPush,
};

/** The `service_info` of an item, or what is wrong with it, for the phone. */
export function readServiceInfo(service: PushService, info: unknown): ServiceInfo | string {
  if (typeof info !== 'object' || info === null || Array.isArray(info)) return 'service_info must be an object';
  return READERS[service](info as Readonly<Record<string, unknown>>);
}

/** It becomes part of a URL. Apple asks not to expect a length; one token has one spelling. */
function readApnsToken(info: Readonly<Record<string, unknown>>): ServiceInfo | string {
  const read = readToken('APNs', info);
  if (typeof read === 'string') return read;
  if (!HEXADECIMAL_BYTES.test(read.token)) return 'Invalid APNs device token: it must be bytes in hexadecimal';
  return { ...read, token: read.token.toLowerCase() };
}

/** The endpoint is the token, in one spelling; the keys are stored beside it. */
function readWebPush({ endpoint, p256dh, auth }: Readonly<Record<string, unknown>>): ServiceInfo | string {
  const missing = Object.entries({ endpoint, p256dh, auth }).find(([, value]) => value === undefined || value === null);
  if (missing) return `Missing required parameter '${missing[0]}'`;
  const found = typeof endpoint === 'string' ? readEndpoint(endpoint) : null;
  if (!found) {
    return `Invalid Web Push endpoint: it must be an https URL of at most ${MAX_ENDPOINT_LENGTH} characters without user and fragment`;
  }
  const keys = { p256dh: decodeP256dh(p256dh), auth: decodeAuth(auth) };
  if (!keys.p256dh) return 'Invalid Web Push p256dh: it must be an uncompressed point on P-256, 65 bytes in base64url';
  if (!keys.auth) return 'Invalid Web Push auth: it must be 16 bytes in base64url';
  return { token: found.url, extra: packKeys({ p256dh: keys.p256dh, auth: keys.auth }) };
}

function readToken(service: string, { token }: Readonly<Record<string, unknown>>): ServiceInfo | string {
  if (token === undefined || token === null) return "Missing required parameter 'token'";
  if (token === '') return `${service} device token cannot be empty`;
  if (typeof token !== 'string' || token.length > MAX_TOKEN_LENGTH || !PRINTABLE_ASCII.test(token)) {
    return `Invalid ${service} device token: it must be at most ${MAX_TOKEN_LENGTH} printable ASCII characters without spaces`;
  }
  return { token, extra: null };
}
