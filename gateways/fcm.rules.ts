import { type GoogleServiceAccount } from './certificates.js';
import { fcmErrors, oauthError } from './fcm.answers.js';
import { type TokenState } from './gateway.js';
import { decodeJwt, isSignedBy } from './jwt.js';
import { asObject, type Answer, type GatewayRequest, bodyObject } from './messages.js';

/** `malformed`: no registration token at all. `other-sender`: made for another project. */
export type FcmTokenState = 'dead' | 'throttled' | 'malformed' | 'other-sender';

/** The request as far as a data message uses it. */
export interface FcmBody extends Record<string, unknown> {
  message: {
    token?: string;
    data?: Record<string, string>;
    android?: { priority?: string; ttl?: string; collapse_key?: string };
  };
}

const SCOPES = [
  'https://www.googleapis.com/auth/firebase.messaging',
  'https://www.googleapis.com/auth/cloud-platform',
] as const;
/** Google's own endpoint: libraries put it into `aud` whatever the account's `token_uri` says. */
const GOOGLE_TOKEN_URI = 'https://oauth2.googleapis.com/token';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const MAX_ASSERTION_SECONDS = 3600;
const CLOCK_SKEW_SECONDS = 60;

const MAX_DATA_BYTES = 4096;
const MAX_TTL_SECONDS = 2_419_200;
const MESSAGE_FIELDS = new Set([
  ...['name', 'data', 'notification', 'android', 'webpush', 'apns', 'fcm_options', 'fcmOptions'],
  ...['token', 'topic', 'condition'],
]);

/**
 * Why an assertion is refused; undefined = it is good.
 *
 * Rules: RFC 7523 §3 and Google, "Using OAuth 2.0 for server to server applications", JWT claim set and errors.
 */
export function badAssertion(
  form: URLSearchParams,
  account: GoogleServiceAccount,
  tokenUri: string,
  now: number,
): Answer | undefined {
  if (form.get('grant_type') !== JWT_BEARER) return oauthError('unsupported_grant_type', 'Invalid grant_type');
  const jwt = decodeJwt(form.get('assertion') ?? '');
  if (!jwt) return oauthError('invalid_grant', 'Invalid JWT: Token must be a JWS');
  const { iss, aud, scope, iat, exp } = jwt.claims;
  const seconds = now / 1000;
  if (iss !== account.clientEmail) return oauthError('invalid_grant', 'Invalid grant: account not found');
  const keyId = jwt.header['kid'];
  if (keyId !== undefined && keyId !== account.privateKeyId) return oauthError('invalid_grant', 'Invalid JWT: kid');
  if (!isSignedBy(jwt, 'RS256', account.publicKey)) return oauthError('invalid_grant', 'Invalid JWT Signature.');
  if (aud !== tokenUri && aud !== GOOGLE_TOKEN_URI) return oauthError('invalid_grant', 'Invalid JWT: aud');
  if (
    typeof iat !== 'number' ||
    typeof exp !== 'number' ||
    iat > seconds + CLOCK_SKEW_SECONDS ||
    exp < seconds - CLOCK_SKEW_SECONDS ||
    exp - iat > MAX_ASSERTION_SECONDS
  ) {
    return oauthError('invalid_grant', 'Invalid JWT: Token must be a short-lived token (60 minutes)');
  }
  const scopes = typeof scope === 'string' ? scope.split(' ') : [];
  if (!SCOPES.some((wanted) => scopes.includes(wanted))) {
    return oauthError('invalid_scope', 'Invalid OAuth scope or ID token audience provided.');
  }
  return undefined;
}

export function fcmTokensOf(request: GatewayRequest): string[] {
  const token = asObject(bodyObject(request)?.['message'])?.['token'];
  return typeof token === 'string' ? [token] : [];
}

/**
 * Why a message is refused; undefined = it is sent.
 *
 * Rules: Firebase, reference of `projects.messages` (fields) and of `ErrorCode` (limits of data, keys and TTL).
 */
export function badMessage(
  request: GatewayRequest,
  stateOf: (token: string) => TokenState<FcmTokenState> | undefined,
): Answer | undefined {
  const body = bodyObject(request);
  if (!body) return fcmErrors.invalidField('', 'Invalid JSON payload received.');
  const message = asObject(body['message']);
  if (!message) return fcmErrors.invalidField('message', "Invalid value at 'message'");
  const unknown = Object.keys(message).find((name) => !MESSAGE_FIELDS.has(name));
  if (unknown !== undefined) {
    const description = `Invalid JSON payload received. Unknown name "${unknown}" at 'message': Cannot find field.`;
    return fcmErrors.invalidField('message', description);
  }
  return badTarget(message) ?? badData(message['data']) ?? badAndroid(message['android']) ?? badToken(message, stateOf);
}

function badTarget(message: Record<string, unknown>): Answer | undefined {
  const targets = ['token', 'topic', 'condition'].filter((name) => message[name] !== undefined);
  if (targets.length === 0) return fcmErrors.invalidField('message', 'Recipient of the message is not set.');
  if (targets.length > 1) {
    return fcmErrors.invalidField(
      'message',
      "Invalid value at 'message' (oneof), oneof field 'target' is already set.",
    );
  }
  const field = `message.${targets[0]}`;
  const target = message[targets[0] ?? ''];
  return typeof target === 'string'
    ? undefined
    : fcmErrors.invalidField(field, `Invalid value at '${field}' (TYPE_STRING)`);
}

function badData(data: unknown): Answer | undefined {
  if (data === undefined) return undefined;
  const entries = asObject(data);
  if (!entries) return fcmErrors.invalidField('message.data', "Invalid value at 'message.data'");
  let bytes = 0;
  for (const [index, [key, value]] of Object.entries(entries).entries()) {
    const field = `message.data[${index}].value`;
    if (typeof value !== 'string') {
      return fcmErrors.invalidField(field, `Invalid value at '${field}' (TYPE_STRING), ${JSON.stringify(value)}`);
    }
    if (key === 'from' || key === 'message_type' || /^(google\.|gcm\.)/.test(key)) {
      return fcmErrors.invalidField('message.data', `Invalid data payload key: ${key}`);
    }
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  return bytes > MAX_DATA_BYTES ? fcmErrors.tooBig() : undefined;
}

function badAndroid(android: unknown): Answer | undefined {
  if (android === undefined) return undefined;
  const { priority, ttl } = asObject(android) ?? {};
  if (priority !== undefined && !(typeof priority === 'string' && /^(high|normal)$/i.test(priority))) {
    return fcmErrors.invalidField('message.android.priority', "Invalid value at 'message.android.priority'");
  }
  const seconds = typeof ttl === 'string' ? /^(\d+)(?:\.\d{1,9})?s$/.exec(ttl)?.[1] : undefined;
  if (ttl !== undefined && (seconds === undefined || Number(seconds) > MAX_TTL_SECONDS)) {
    return fcmErrors.invalidField('message.android.ttl', "Illegal duration format at 'message.android.ttl'");
  }
  return undefined;
}

function badToken(
  message: Record<string, unknown>,
  stateOf: (token: string) => TokenState<FcmTokenState> | undefined,
): Answer | undefined {
  if (typeof message['token'] !== 'string') return undefined;
  if (!/^[\x21-\x7e]+$/.test(message['token'])) return fcmErrors.invalidRegistrationToken();
  const found = stateOf(message['token']);
  switch (found?.state) {
    case undefined:
      return undefined;
    case 'dead':
      return fcmErrors.unregistered();
    case 'throttled':
      return fcmErrors.quotaExceeded(found.retryAfterSeconds);
    case 'malformed':
      return fcmErrors.invalidRegistrationToken();
    case 'other-sender':
      return fcmErrors.senderIdMismatch();
  }
}
