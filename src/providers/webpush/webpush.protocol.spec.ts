import { describe, expect, it } from 'vitest';
import { legacyContent, NO_CONTENT } from '../push-content.js';
import { readWebPushAnswer, topicOf, webPushFits, webPushHeaders, webPushPlaintext } from './webpush.protocol.js';

describe('a push', () => {
  it('is the map that Android apps read', () => {
    expect(webPushPlaintext({ kind: 'sealed', payload: 'AAAA' })).toBe('{"enc_payload":"AAAA","spns":"2"}');
    expect(webPushPlaintext({ kind: 'sealed', payload: null })).toBe('{"spns":"2"}');
    expect(webPushPlaintext(legacyContent('AAAA'))).toBe('{"ENCRYPTED_DATA":"AAAA"}');
    expect(webPushPlaintext(NO_CONTENT)).toBe('{"remote":"1"}');
  });

  it('has room for 3,993 bytes', () => {
    expect(webPushFits('x'.repeat(3993))).toBe(true);
    expect(webPushFits('x'.repeat(3994))).toBe(false);
    expect(webPushFits('é'.repeat(1997))).toBe(false);
  });

  it('has one topic for all attempts at one endpoint', () => {
    const topic = topicOf('a', 'https://one.example/x');
    expect(topic).toMatch(/^[A-Za-z0-9_-]{32}$/);
    expect(topicOf('a', 'https://one.example/x')).toBe(topic);
    expect(topicOf('b', 'https://one.example/x')).not.toBe(topic);
    expect(topicOf('a', 'https://one.example/y')).not.toBe(topic);
  });

  it('says in its headers for how long and how soon', () => {
    const request = {
      topic: 't',
      urgency: 'high',
      ttlMs: 90_999,
      authorization: 'vapid t=a, k=b',
      bodyBytes: 7,
    } as const;
    expect(webPushHeaders(request)).toEqual({
      ttl: '90',
      urgency: 'high',
      topic: 't',
      authorization: 'vapid t=a, k=b',
      'content-encoding': 'aes128gcm',
      'content-type': 'application/octet-stream',
      'content-length': 7,
    });
    expect(webPushHeaders({ ...request, urgency: 'normal', ttlMs: -1 })).toMatchObject({ ttl: '0', urgency: 'normal' });
  });
});

describe('an answer', () => {
  const NOW = Date.parse('2026-01-01T00:00:00Z');
  const read = (status: number, retryAfter?: string) =>
    readWebPushAnswer(status, retryAfter === undefined ? {} : { 'retry-after': retryAfter }, NOW);
  const reason = (status: number) => `Http${status}`;

  it.each([200, 201, 202, 204, 299])('%s takes the push', (status) =>
    expect(read(status)).toEqual({ kind: 'accepted' }),
  );

  it('410 ends the subscription', () => {
    expect(read(410)).toEqual({ kind: 'of-endpoint', result: { outcome: 'token-gone', reason: 'Http410' } });
  });
  it('404 may do so', () => expect(read(404)).toEqual({ kind: 'unknown-endpoint', reason: 'Http404' }));
  it('413 asks for less', () => expect(read(413)).toEqual({ kind: 'too-large' }));

  it.each([401, 403])('%s keeps the subscription', (status) => {
    const result = { outcome: 'retry', cause: 'host-down', reason: reason(status) };
    expect(read(status)).toEqual({ kind: 'of-endpoint', result });
  });

  it('429 is about this endpoint', () => {
    const result = { outcome: 'retry', cause: 'device-throttled', reason: 'Http429' };
    expect(read(429)).toEqual({ kind: 'of-endpoint', result });
    expect(read(429, '120')).toEqual({ kind: 'of-endpoint', result: { ...result, retryAfterMs: 120_000 } });
    expect(read(429, 'Thu, 01 Jan 2026 00:01:00 GMT')).toEqual({
      kind: 'of-endpoint',
      result: { ...result, retryAfterMs: 60_000 },
    });
  });

  it('507 is about an endpoint that nobody listens at', () => {
    const result = { outcome: 'retry', cause: 'host-down', reason: 'Http507', retryAfterMs: 600_000 };
    expect(read(507)).toEqual({ kind: 'of-endpoint', result });
    expect(read(507, '5')).toEqual({ kind: 'of-endpoint', result: { ...result, retryAfterMs: 5000 } });
  });

  it.each([400, 402, 405, 406, 411, 415, 422, 451])('%s refuses the push for good', (status) => {
    expect(read(status)).toEqual({ kind: 'of-endpoint', result: { outcome: 'refused', reason: reason(status) } });
  });

  it.each([300, 301, 302, 307, 308, 408, 425, 500, 502, 503, 504, 599, 100, 0])('%s is about the server', (status) => {
    expect(read(status)).toEqual({ kind: 'of-host', reason: reason(status) });
    expect(read(status, '7')).toEqual({ kind: 'of-host', reason: reason(status), retryAfterMs: 7000 });
  });
});
