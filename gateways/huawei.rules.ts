import { type TokenState } from './gateway.js';
import {
  huaweiAllInvalid,
  huaweiAnswer,
  huaweiFlowControl,
  huaweiOauthError,
  huaweiPartly,
  type HuaweiCode,
} from './huawei.answers.js';
import { asObject, type Answer, type GatewayRequest, bodyObject } from './messages.js';

/** `no-right`: the token belongs to an app that this one may not push to. */
export type HuaweiTokenState = 'dead' | 'throttled' | 'no-right';

/** The request as far as a data message uses it. */
export interface HuaweiBody extends Record<string, unknown> {
  validate_only?: boolean;
  message: {
    data?: string;
    token: string[];
    android?: { urgency?: string; ttl?: string; collapse_key?: number };
  };
}

const MAX_BYTES = 4096;
const MAX_TOKENS = 1000;
const MAX_TTL_SECONDS = 15 * 86_400;

/** RFC 6749 §4.4 with Huawei's errors: Account Kit, "Client credentials mode". undefined = it is granted. */
export function badGrant(form: URLSearchParams, appId: string, appSecret: string): Answer | undefined {
  if (form.get('grant_type') !== 'client_credentials') return huaweiOauthError(20001, 'grant_type is invalid');
  if (form.get('client_id') !== appId) return huaweiOauthError(20041, 'client_id is invalid');
  if (form.get('client_secret') !== appSecret) return huaweiOauthError(20042, 'client_secret is invalid');
  return undefined;
}

export function huaweiTokensOf(request: GatewayRequest): string[] {
  const tokens = asObject(bodyObject(request)?.['message'])?.['token'];
  return Array.isArray(tokens) ? tokens.filter((token) => typeof token === 'string') : [];
}

/**
 * What HMS answers to an authorized message, and the tokens that it goes to.
 *
 * Rules: HMS Core, Push Kit, "Sending messages (REST)", request body and result codes.
 */
export function judgeHuawei(
  request: GatewayRequest,
  stateOf: (token: string) => TokenState<HuaweiTokenState> | undefined,
): { answer: Answer; tokens: string[] } {
  const refused = badBody(request);
  if (refused) return { answer: huaweiAnswer(refused), tokens: [] };
  const tokens = huaweiTokensOf(request);
  const inState = (state?: HuaweiTokenState): string[] => tokens.filter((token) => stateOf(token)?.state === state);
  const throttled = inState('throttled')[0];
  if (throttled !== undefined) {
    return { answer: huaweiFlowControl(stateOf(throttled)?.retryAfterSeconds), tokens: [] };
  }
  const good = inState(undefined);
  const [dead, noRight] = [inState('dead'), inState('no-right')];
  if (good.length === tokens.length) return { answer: huaweiAnswer('80000000'), tokens: good };
  if (good.length > 0) return { answer: huaweiPartly(good, [...dead, ...noRight]), tokens: good };
  if (noRight.length === 0) return { answer: huaweiAnswer('80300007'), tokens: [] };
  return { answer: huaweiAllInvalid({ noRight, ...(dead.length > 0 && { tokenFormatError: dead }) }), tokens: [] };
}

function badBody(request: GatewayRequest): HuaweiCode | undefined {
  const body = bodyObject(request);
  const message = asObject(body?.['message']);
  if (!body || !message) return '80100003';
  const { token: tokens, data, notification } = message;
  if (body['validate_only'] !== undefined && typeof body['validate_only'] !== 'boolean') return '80100001';
  if (!Array.isArray(tokens) || !tokens.every((token) => typeof token === 'string' && token !== '')) return '80100001';
  if (tokens.length < 1 || tokens.length > MAX_TOKENS) return '80300010';
  if (data === undefined && notification === undefined) return '80100003';
  if (data !== undefined && typeof data !== 'string') return '80100003';
  const badOption = badAndroid(message['android']);
  if (badOption) return badOption;
  const withoutTokens = { ...body, message: { ...message, token: undefined } };
  return Buffer.byteLength(JSON.stringify(withoutTokens)) > MAX_BYTES ? '80300008' : undefined;
}

function badAndroid(android: unknown): HuaweiCode | undefined {
  if (android === undefined) return undefined;
  const { urgency, ttl, collapse_key: collapseKey } = asObject(android) ?? {};
  if (urgency !== undefined && urgency !== 'HIGH' && urgency !== 'NORMAL') return '80100001';
  if (collapseKey !== undefined && !(Number.isInteger(collapseKey) && inRange(Number(collapseKey), -1, 100))) {
    return '80100013';
  }
  if (ttl === undefined) return undefined;
  const seconds = typeof ttl === 'string' ? /^(\d+)(?:\.\d{1,9})?s$/.exec(ttl)?.[1] : undefined;
  if (seconds === undefined || Number(seconds) > MAX_TTL_SECONDS) return '80100001';
  return Number(seconds) < 1 ? '80100004' : undefined;
}

function inRange(value: number, min: number, max: number): boolean {
  return value >= min && value <= max;
}
