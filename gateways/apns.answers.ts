import { type Answer, jsonAnswer, retryAfterHeader } from './messages.js';

/** Status of each reason: Apple, "Handling notification responses from APNs", table of error strings. */
const STATUS = {
  BadCollapseId: 400,
  BadDeviceToken: 400,
  BadExpirationDate: 400,
  BadMessageId: 400,
  BadPriority: 400,
  BadTopic: 400,
  DeviceTokenNotForTopic: 400,
  DuplicateHeaders: 400,
  IdleTimeout: 400,
  InvalidPushType: 400,
  MissingDeviceToken: 400,
  MissingTopic: 400,
  PayloadEmpty: 400,
  TopicDisallowed: 400,
  BadCertificate: 403,
  BadCertificateEnvironment: 403,
  BadEnvironmentKeyIdInToken: 403,
  ExpiredProviderToken: 403,
  Forbidden: 403,
  InvalidProviderToken: 403,
  MissingProviderToken: 403,
  UnrelatedKeyIdInToken: 403,
  BadPath: 404,
  MethodNotAllowed: 405,
  ExpiredToken: 410,
  Unregistered: 410,
  PayloadTooLarge: 413,
  TooManyProviderTokenUpdates: 429,
  TooManyRequests: 429,
  InternalServerError: 500,
  ServiceUnavailable: 503,
  Shutdown: 503,
} as const;

export type ApnsReason = keyof typeof STATUS;
export const APNS_REASONS = Object.keys(STATUS) as ApnsReason[];

export interface ApnsErrorDetails {
  /** UTC epoch milliseconds since when the token is dead; goes with 410. */
  timestamp?: number;
  retryAfterSeconds?: number;
}

export function apnsSuccess(): Answer {
  return { status: 200 };
}

export function apnsError(reason: ApnsReason, details?: ApnsErrorDetails): Answer {
  return apnsUndocumented(STATUS[reason], reason, details);
}

/** An answer that Apple's page does not know. */
export function apnsUndocumented(status: number, reason: string, details: ApnsErrorDetails = {}): Answer {
  const { timestamp, retryAfterSeconds } = details;
  return jsonAnswer(status, { reason, timestamp }, reason, retryAfterHeader(retryAfterSeconds));
}
