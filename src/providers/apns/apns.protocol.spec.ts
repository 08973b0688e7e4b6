import { legacyContent } from '../push-content.js';
import { sensitiveHeaders } from 'node:http2';
import { describe, expect, it } from 'vitest';
import {
  APNS_ERRORS,
  apnsHeaders,
  apnsId,
  apnsPayload,
  apnsPayloadFits,
  type ApnsVerdict,
  isApnsToken,
  readApnsAnswer,
} from './apns.protocol.js';

const NOW = Date.UTC(2026, 0, 1);
const NOTIFICATION = '3b241101-e2bb-4255-8caf-4136c566a962';
const TOKEN = 'ab'.repeat(32);

const read = (status: number, body: unknown, headers: Record<string, string> = {}): ApnsVerdict =>
  readApnsAnswer({ status, headers, body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) }, NOW);

describe('the APNs payload', () => {
  it('has the bytes that the apps read', () => {
    expect(apnsPayload(legacyContent('aGVsbG8='))).toBe(
      '{"aps":{"alert":{"title":"Session","body":"You\'ve got a new message"},"badge":1,"sound":"default",' +
        '"mutable-content":1,"category":"SECRET"},"ENCRYPTED_DATA":"aGVsbG8=","remote":1}',
    );
    expect(apnsPayload(legacyContent(null))).toBe(
      '{"aps":{"alert":{"title":"Session","body":"You\'ve got a new message"},"badge":1,"sound":"default",' +
        '"mutable-content":1,"category":"SECRET"},"remote":1}',
    );
  });

  it('carries what is sealed for the phone under the keys of version 2, and without content the same without it', () => {
    const aps =
      '{"aps":{"alert":{"title":"Session","body":"New message"},"badge":1,"sound":"default","mutable-content":1,' +
      '"category":"SECRET"},"spns":"2"';
    expect(apnsPayload({ kind: 'sealed', payload: 'aGVsbG8=' })).toBe(`${aps},"enc_payload":"aGVsbG8="}`);
    expect(apnsPayload({ kind: 'sealed', payload: null })).toBe(`${aps}}`);
  });

  it('passes the content on untouched, whatever characters it has', () => {
    const content = 'a/+="\\\n\u2028é😀';
    expect(JSON.parse(apnsPayload(legacyContent(content)))).toMatchObject({ ENCRYPTED_DATA: content, remote: 1 });
  });

  it('fits up to 3,926 characters of base64, which make 4,096 bytes', () => {
    const longest = apnsPayload(legacyContent('A'.repeat(3926)));
    expect([Buffer.byteLength(longest), apnsPayloadFits(longest)]).toEqual([4096, true]);
    expect(apnsPayloadFits(apnsPayload(legacyContent('A'.repeat(3927))))).toBe(false);
  });

  it('is measured in bytes, not in characters', () => {
    expect(apnsPayloadFits(apnsPayload(legacyContent('é'.repeat(1963))))).toBe(true);
    expect(apnsPayloadFits(apnsPayload(legacyContent('é'.repeat(1964))))).toBe(false);
  });
});

describe('the APNs headers', () => {
  const request = { token: TOKEN, topic: 'org.example.app', id: 'the-id', expiresAt: 1_800_000_000_999, jwt: null };

  it('address the device, expire with the notification and carry one id for every attempt', () => {
    const headers = apnsHeaders(request);
    expect(Reflect.get(headers, sensitiveHeaders)).toContain('apns-id');
    expect(Object.fromEntries(Object.entries(headers))).toEqual({
      ':method': 'POST',
      ':path': `/3/device/${TOKEN}`,
      'apns-topic': 'org.example.app',
      'apns-push-type': 'alert',
      'apns-priority': '10',
      'apns-id': 'the-id',
      'apns-collapse-id': 'the-id',
      'apns-expiration': '1800000000',
    });
  });

  it('identify us by a JWT when there is one', () => {
    expect(apnsHeaders({ ...request, jwt: 'a.b.c' })['authorization']).toBe('bearer a.b.c');
  });
});

describe('the apns-id', () => {
  it('is the same for every attempt and another for each device and notification', () => {
    const id = apnsId(NOTIFICATION, TOKEN);
    expect(id).toBe(apnsId(NOTIFICATION, TOKEN));
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(apnsId(NOTIFICATION, 'cd'.repeat(32))).not.toBe(id);
    expect(apnsId('3b241101-e2bb-4255-8caf-4136c566a963', TOKEN)).not.toBe(id);
  });

  it('is UUID version 5 as RFC 9562 makes it', () => {
    // RFC 9562 appendix A.4: www.example.com in the namespace of DNS names.
    expect(apnsId('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'www.example.com')).toBe(
      '2ed6657d-e927-568b-95e1-2665a8aea6a2',
    );
  });
});

describe('a device token', () => {
  it.each(['ab', TOKEN, 'AB'.repeat(100)])('may go into the path: %s', (token) =>
    expect(isApnsToken(token)).toBe(true),
  );
  it.each(['', 'abc', 'xy', '../x', `${TOKEN}?`, `${TOKEN} `, `${TOKEN}\n`, 'ab'.repeat(513)])('may not: %j', (token) =>
    expect(isApnsToken(token)).toBe(false),
  );
});

describe('an answer of APNs', () => {
  const refused = (reason: string) => ({ kind: 'result', result: { outcome: 'refused', reason } });
  const retry = (cause: string, reason: string, more = {}) => ({
    kind: 'result',
    result: { outcome: 'retry', cause, reason, ...more },
  });
  const gone = (reason: string) => ({ kind: 'result', result: { outcome: 'token-gone', reason, goneSince: 1_700 } });

  const documented: [number, string, object][] = [
    [400, 'BadCollapseId', refused('BadCollapseId')],
    [400, 'BadDeviceToken', { kind: 'bad-token' }],
    [400, 'BadExpirationDate', refused('BadExpirationDate')],
    [400, 'BadMessageId', refused('BadMessageId')],
    [400, 'BadPriority', refused('BadPriority')],
    [400, 'BadTopic', retry('configuration', 'BadTopic')],
    [400, 'DeviceTokenNotForTopic', retry('wrong-address', 'DeviceTokenNotForTopic')],
    [400, 'DuplicateHeaders', refused('DuplicateHeaders')],
    [400, 'IdleTimeout', retry('not-processed', 'IdleTimeout')],
    [400, 'InvalidPushType', refused('InvalidPushType')],
    [400, 'MissingDeviceToken', refused('MissingDeviceToken')],
    [400, 'MissingTopic', retry('configuration', 'MissingTopic')],
    [400, 'PayloadEmpty', refused('PayloadEmpty')],
    [400, 'TopicDisallowed', retry('wrong-address', 'TopicDisallowed')],
    [403, 'BadCertificate', retry('credential', 'BadCertificate')],
    [403, 'BadCertificateEnvironment', retry('credential', 'BadCertificateEnvironment')],
    [403, 'BadEnvironmentKeyIdInToken', retry('credential', 'BadEnvironmentKeyIdInToken')],
    [403, 'BadEnvironmentKeyInToken', retry('credential', 'BadEnvironmentKeyInToken')],
    [403, 'ExpiredProviderToken', { kind: 'jwt-expired' }],
    [403, 'Forbidden', retry('credential', 'Forbidden')],
    [403, 'InvalidProviderToken', retry('credential', 'InvalidProviderToken')],
    [403, 'MissingProviderToken', retry('credential', 'MissingProviderToken')],
    [403, 'UnrelatedKeyIdInToken', retry('credential', 'UnrelatedKeyIdInToken')],
    [404, 'BadPath', refused('BadPath')],
    [405, 'MethodNotAllowed', refused('MethodNotAllowed')],
    [410, 'ExpiredToken', gone('ExpiredToken')],
    [410, 'Unregistered', gone('Unregistered')],
    [413, 'PayloadTooLarge', { kind: 'too-large' }],
    [
      429,
      'TooManyProviderTokenUpdates',
      retry('provider-throttled', 'TooManyProviderTokenUpdates', { retryAfterMs: 60_000 }),
    ],
    [429, 'TooManyRequests', retry('device-throttled', 'TooManyRequests')],
    [500, 'InternalServerError', retry('provider-down', 'InternalServerError')],
    [503, 'ServiceUnavailable', retry('provider-down', 'ServiceUnavailable')],
    [503, 'Shutdown', retry('provider-down', 'Shutdown')],
  ];

  it.each(documented)('%i %s', (status, reason, verdict) => {
    expect(read(status, { reason, timestamp: 1_700 })).toEqual(verdict);
  });

  it('has no documented reason that this table forgets', () => {
    expect(documented.map(([status, reason]) => `${status} ${reason}`).toSorted()).toEqual(
      Object.keys(APNS_ERRORS).toSorted(),
    );
  });

  it('accepts with 200, whatever the body holds', () => {
    expect(read(200, '')).toEqual({ kind: 'accepted' });
    expect(read(200, { reason: 'Unregistered' })).toEqual({ kind: 'accepted' });
  });

  it('carries Retry-After in seconds or as a date', () => {
    expect(read(429, { reason: 'TooManyRequests' }, { 'retry-after': '7' })).toEqual(
      retry('device-throttled', 'TooManyRequests', { retryAfterMs: 7_000 }),
    );
    expect(read(503, { reason: 'Shutdown' }, { 'retry-after': new Date(NOW + 5_000).toUTCString() })).toEqual(
      retry('provider-down', 'Shutdown', { retryAfterMs: 5_000 }),
    );
  });

  it.each([
    ['a reason that nobody knows', 418, { reason: 'TeaPot' }, 'Unknown:418:TeaPot'],
    ['a known reason with another status', 400, { reason: 'Unregistered', timestamp: 5 }, 'Unknown:400:Unregistered'],
    ['a dead token without its time', 410, { reason: 'Unregistered' }, 'Unknown:410:Unregistered'],
    [
      'a dead token with a time that is none',
      410,
      { reason: 'Unregistered', timestamp: '5' },
      'Unknown:410:Unregistered',
    ],
    ['a name from the language', 400, { reason: 'constructor' }, 'Unknown:400:constructor'],
    ['text instead of a reason', 400, { reason: 'token ab12 is bad' }, 'Unknown:400'],
    ['a reason without end', 400, { reason: 'A'.repeat(41) }, 'Unknown:400'],
    ['a body that stops in the middle', 400, '{"reason":"BadDev', 'Unknown:400'],
    ['a body that is no object', 410, '["Unregistered"]', 'Unknown:410'],
    ['a page of a proxy', 403, '<html>', 'Unknown:403'],
  ])('is kept and retried when it is %s', (_what, status, body, reason) => {
    expect(read(status, body)).toEqual(retry('outcome-unknown', reason));
  });

  it('means that the provider is down for every other 5xx', () => {
    expect(read(502, '<html>')).toEqual(retry('provider-down', 'Unknown:502'));
  });
});
