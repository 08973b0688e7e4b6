import { randomUUID } from 'node:crypto';
import { type Answer, jsonAnswer, retryAfterHeader } from './messages.js';

/**
 * Result codes with Huawei's words: HMS Core, Push Kit, "Sending messages (REST)", result codes of `messages:send`.
 * The HTTP status is 200 for nearly all of them.
 */
const MESSAGES = {
  '80000000': 'Success',
  '80100000': 'Some tokens are right, the others are illegal',
  '80100001': 'Some request parameters are incorrect',
  '80100002': 'Multiple tokens are not allowed for a synchronization message',
  '80100003': 'Incorrect message structure',
  '80100004': 'The message expiration time is earlier than the current time',
  '80100013': 'The collapse_key message field is invalid',
  '80100016': 'The message contains sensitive information',
  '80100017': 'A maximum of 100 topic-based messages can be sent at the same time',
  '80200001': 'OAuth authentication error',
  '80200003': 'OAuth token expired',
  '80300002': 'The current app does not have the permission to send messages',
  '80300007': 'All tokens are invalid',
  '80300008': 'The message body size exceeds the default value',
  '80300010': 'The number of tokens in the message body exceeds the default value',
  '80300011': 'You are not authorized to send high-priority notification messages',
  '80300037': 'The app is under penalty',
  '80600003': 'Failed to request the OAuth service',
  '81000001': 'System inner error',
} as const;

export type HuaweiCode = keyof typeof MESSAGES;
export const HUAWEI_CODES = Object.keys(MESSAGES) as HuaweiCode[];

export function huaweiAnswer(code: HuaweiCode, options?: { status?: number; retryAfterSeconds?: number }): Answer {
  return huaweiUndocumented(code, MESSAGES[code], options);
}

/** A code that the page does not know, or another `msg`. */
export function huaweiUndocumented(
  code: string,
  msg: string,
  { status = 200, retryAfterSeconds }: { status?: number; retryAfterSeconds?: number } = {},
): Answer {
  return jsonAnswer(
    status,
    { code, msg, requestId: randomUUID().replaceAll('-', '') },
    code === '80000000' ? undefined : code,
    retryAfterHeader(retryAfterSeconds),
  );
}

/** 80100000: `msg` is JSON text that counts the tokens and lists the illegal ones. */
export function huaweiPartly(accepted: readonly string[], illegal: readonly string[]): Answer {
  const msg = { success: accepted.length, failure: illegal.length, illegal_tokens: illegal };
  return huaweiUndocumented('80100000', JSON.stringify(msg));
}

/** 80300007 with `msg` split by reason, such as `noRight` or `tokenFormatError`. */
export function huaweiAllInvalid(byReason: Readonly<Record<string, readonly string[]>>): Answer {
  return huaweiUndocumented('80300007', JSON.stringify(byReason));
}

/** Flow control: an HTTP status without a result code. */
export function huaweiFlowControl(retryAfterSeconds?: number): Answer {
  return { status: 503, reason: 'flow control', headers: retryAfterHeader(retryAfterSeconds) };
}

/** Huawei Account Kit, "Obtaining an app-level access token", error codes. */
export function huaweiOauthError(subError: number, description: string): Answer {
  const error = 1101;
  return jsonAnswer(400, { error, sub_error: subError, error_description: description }, `${error}/${subError}`);
}
