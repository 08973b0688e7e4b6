import { type Answer, jsonAnswer, retryAfterHeader } from './messages.js';

const FCM_ERROR = 'type.googleapis.com/google.firebase.fcm.v1.FcmError';
const BAD_REQUEST = 'type.googleapis.com/google.rpc.BadRequest';
const ERROR_INFO = 'type.googleapis.com/google.rpc.ErrorInfo';

export function fcmSuccess(projectId: string, messageId: string): Answer {
  return jsonAnswer(200, { name: `projects/${projectId}/messages/${messageId}` });
}

/** Any error in the form of Google's APIs (google.rpc.Status in JSON); documented or not. */
export function fcmError(
  code: number,
  status: string,
  message: string,
  details: readonly object[] = [],
  options: { reason?: string; retryAfterSeconds?: number } = {},
): Answer {
  const error = { code, message, status, ...(details.length > 0 && { details }) };
  return jsonAnswer(code, { error }, options.reason ?? status, retryAfterHeader(options.retryAfterSeconds));
}

const fcmDetail = (errorCode: string) => ({ '@type': FCM_ERROR, errorCode });

/**
 * The errors of FCM HTTP v1: Firebase, "REST error codes for the HTTP v1 API" and the reference of `ErrorCode`.
 * Those of Google's API front end come without an FcmError: Google Cloud, "API errors" (google.rpc.Code).
 */
export const fcmErrors = {
  unregistered: (): Answer =>
    fcmError(404, 'NOT_FOUND', 'Requested entity was not found.', [fcmDetail('UNREGISTERED')], {
      reason: 'UNREGISTERED',
    }),
  /** The project of the URL does not exist. */
  projectNotFound: (): Answer => fcmError(404, 'NOT_FOUND', 'Requested entity was not found.'),
  /** What FCM says today of a string that is no registration token. */
  invalidRegistrationToken: (): Answer =>
    fcmError(400, 'INVALID_ARGUMENT', 'The registration token is not a valid FCM registration token', [
      fcmDetail('INVALID_ARGUMENT'),
    ]),
  /** The older form of the same, which names the field. */
  invalidRegistrationTokenField: (): Answer =>
    fcmError(400, 'INVALID_ARGUMENT', 'Request contains an invalid argument.', [
      fcmDetail('INVALID_ARGUMENT'),
      {
        '@type': BAD_REQUEST,
        fieldViolations: [{ field: 'message.token', description: 'Invalid registration token' }],
      },
    ]),
  invalidField: (field: string, description: string): Answer =>
    fcmError(400, 'INVALID_ARGUMENT', description, [
      { '@type': BAD_REQUEST, fieldViolations: [{ field, description }] },
    ]),
  /** FCM gives no detail at all here. */
  tooBig: (): Answer => fcmError(400, 'INVALID_ARGUMENT', 'Request contains an invalid argument.'),
  senderIdMismatch: (): Answer =>
    fcmError(403, 'PERMISSION_DENIED', 'SenderId mismatch', [fcmDetail('SENDER_ID_MISMATCH')], {
      reason: 'SENDER_ID_MISMATCH',
    }),
  permissionDenied: (projectId: string): Answer =>
    fcmError(
      403,
      'PERMISSION_DENIED',
      `Permission 'cloudmessaging.messages.create' denied on resource '//cloudresourcemanager.googleapis.com/projects/${projectId}' (or it may not exist).`,
      [{ '@type': ERROR_INFO, reason: 'IAM_PERMISSION_DENIED', domain: 'cloudresourcemanager.googleapis.com' }],
    ),
  serviceDisabled: (projectId: string): Answer =>
    fcmError(
      403,
      'PERMISSION_DENIED',
      `Firebase Cloud Messaging API has not been used in project ${projectId} before or it is disabled.`,
      [
        {
          '@type': ERROR_INFO,
          reason: 'SERVICE_DISABLED',
          domain: 'googleapis.com',
          metadata: { consumer: `projects/${projectId}`, service: 'fcm.googleapis.com' },
        },
      ],
      { reason: 'SERVICE_DISABLED' },
    ),
  thirdPartyAuth: (): Answer =>
    fcmError(
      401,
      'UNAUTHENTICATED',
      'Auth error from APNS or Web Push Service',
      [fcmDetail('THIRD_PARTY_AUTH_ERROR')],
      {
        reason: 'THIRD_PARTY_AUTH_ERROR',
      },
    ),
  unauthenticated: (): Answer =>
    fcmError(
      401,
      'UNAUTHENTICATED',
      'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.',
    ),
  quotaExceeded: (retryAfterSeconds?: number): Answer =>
    fcmError(
      429,
      'RESOURCE_EXHAUSTED',
      'Quota exceeded for quota metric of service fcm.googleapis.com',
      [fcmDetail('QUOTA_EXCEEDED')],
      { reason: 'QUOTA_EXCEEDED', retryAfterSeconds },
    ),
  internal: (): Answer =>
    fcmError(500, 'INTERNAL', 'Internal error encountered.', [fcmDetail('INTERNAL')], { reason: 'INTERNAL' }),
  unavailable: (retryAfterSeconds?: number): Answer =>
    fcmError(503, 'UNAVAILABLE', 'The service is currently unavailable.', [fcmDetail('UNAVAILABLE')], {
      reason: 'UNAVAILABLE',
      retryAfterSeconds,
    }),
  unspecified: (): Answer =>
    fcmError(500, 'UNKNOWN', 'Unknown error.', [fcmDetail('UNSPECIFIED_ERROR')], { reason: 'UNSPECIFIED_ERROR' }),
} as const;

/** RFC 6749 §5.2. */
export function oauthError(error: string, description: string, status = 400): Answer {
  return jsonAnswer(status, { error, error_description: description }, error);
}
