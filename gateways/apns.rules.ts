import { apnsError, apnsSuccess } from './apns.answers.js';
import { type ApnsSender } from './apns.auth.js';
import { type TokenState } from './gateway.js';
import { type Answer, type GatewayRequest, bodyObject } from './messages.js';

/** `other-environment`: made by the other of Apple's environments. `other-topic`: made for another app. */
export type ApnsTokenState = 'dead' | 'throttled' | 'other-environment' | 'other-topic';

/** The payload as far as Session uses it. */
export interface ApnsBody extends Record<string, unknown> {
  aps?: Record<string, unknown>;
  ENCRYPTED_DATA?: string;
}

export interface ApnsKnowledge {
  /** Topics of the team's apps. */
  readonly topics: ReadonlySet<string>;
  stateOf(token: string): TokenState<ApnsTokenState> | undefined;
}

const MAX_PAYLOAD_BYTES = 4096;
const MAX_VOIP_PAYLOAD_BYTES = 5120;
const MAX_COLLAPSE_ID_BYTES = 64;
const PUSH_TYPES = new Set(
  'alert background controls location voip complication fileprovider mdm liveactivity pushtotalk widgets'.split(' '),
);
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const DEVICE_PATH = /^\/3\/device(?:\/([^/?]*))?$/;

export function apnsTokenOf(path: string): string | null {
  return DEVICE_PATH.exec(path)?.[1] || null;
}

/** Apple takes the identifier that it is sent, else makes one; a malformed one is not echoed. */
export function apnsIdOf(request: GatewayRequest): string | null {
  const id = request.headers['apns-id'];
  return id !== undefined && UUID.test(id) ? id : null;
}

/**
 * What APNs answers to a push of an authenticated sender.
 *
 * Rules: Apple, "Sending notification requests to APNs" (headers, path, payload size) and "Handling notification
 * responses from APNs" (reasons). Apple does not say in which order it looks; here form comes before what it knows.
 */
export function judgeApns(request: GatewayRequest, sender: ApnsSender, known: ApnsKnowledge): Answer {
  return (
    badRoute(request) ??
    badHeaders(request) ??
    badTopic(request, sender, known) ??
    badPayload(request) ??
    badToken(apnsTokenOf(request.path) ?? '', known) ??
    apnsSuccess()
  );
}

/** The route is looked at before the sender is. */
export function badRoute({ method, path, repeatedHeaders }: GatewayRequest): Answer | undefined {
  if (!DEVICE_PATH.test(path)) return apnsError('BadPath');
  if (method !== 'POST') return apnsError('MethodNotAllowed');
  if (repeatedHeaders.length > 0) return apnsError('DuplicateHeaders');
  if (apnsTokenOf(path) === null) return apnsError('MissingDeviceToken');
  return undefined;
}

function badHeaders(request: GatewayRequest): Answer | undefined {
  const { headers } = request;
  const pushType = headers['apns-push-type'];
  const priority = headers['apns-priority'];
  const collapseId = headers['apns-collapse-id'];
  if (headers['apns-id'] !== undefined && apnsIdOf(request) === null) return apnsError('BadMessageId');
  // Apple may drop a push without this header; refused here, so that it is not forgotten.
  if (pushType === undefined || !PUSH_TYPES.has(pushType)) return apnsError('InvalidPushType');
  if (priority !== undefined && !['10', '5', '1'].includes(priority)) return apnsError('BadPriority');
  if (pushType === 'background' && priority !== '5') return apnsError('BadPriority');
  if (!/^\d{1,15}$/.test(headers['apns-expiration'] ?? '0')) return apnsError('BadExpirationDate');
  if (collapseId !== undefined && (collapseId === '' || Buffer.byteLength(collapseId) > MAX_COLLAPSE_ID_BYTES)) {
    return apnsError('BadCollapseId');
  }
  return undefined;
}

function badTopic({ headers }: GatewayRequest, sender: ApnsSender, known: ApnsKnowledge): Answer | undefined {
  const ownTopic = sender.kind === 'certificate' ? sender.topic : null;
  const topic = headers['apns-topic'] ?? ownTopic;
  if (topic === null) return apnsError('MissingTopic');
  if (!/^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(topic)) return apnsError('BadTopic');
  if (ownTopic !== null ? topic !== ownTopic : !known.topics.has(topic)) return apnsError('TopicDisallowed');
  return undefined;
}

function badPayload(request: GatewayRequest): Answer | undefined {
  const { headers, body } = request;
  const limit = headers['apns-push-type'] === 'voip' ? MAX_VOIP_PAYLOAD_BYTES : MAX_PAYLOAD_BYTES;
  if (body.length > limit) return apnsError('PayloadTooLarge');
  if (bodyObject(request) === null) return apnsError('PayloadEmpty');
  return undefined;
}

function badToken(token: string, known: ApnsKnowledge): Answer | undefined {
  // 32 bytes today, and Apple asks to expect up to 100.
  if (!/^([0-9a-f]{2}){32,100}$/i.test(token)) return apnsError('BadDeviceToken');
  const found = known.stateOf(token);
  switch (found?.state) {
    case undefined:
      return undefined;
    case 'dead':
      return apnsError('Unregistered', { timestamp: found.since });
    case 'throttled':
      return apnsError('TooManyRequests', { retryAfterSeconds: found.retryAfterSeconds });
    case 'other-environment':
      return apnsError('BadDeviceToken');
    case 'other-topic':
      return apnsError('DeviceTokenNotForTopic');
  }
}
