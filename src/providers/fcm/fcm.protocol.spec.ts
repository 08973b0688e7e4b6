import { legacyContent } from '../push-content.js';
import { type TokenMessage } from 'firebase-admin/messaging';
import { describe, expect, it } from 'vitest';
import {
  fcmBody,
  fcmContentFits,
  FCM_ERRORS,
  FCM_FRONT_END_ERRORS,
  type FcmMessage,
  type FcmVerdict,
  readFcmAnswer,
} from './fcm.protocol.js';
import { type RetryCause } from '../push-transport.js';

const DAY = 86_400_000;
const FCM_ERROR = 'type.googleapis.com/google.firebase.fcm.v1.FcmError';
const BAD_REQUEST = 'type.googleapis.com/google.rpc.BadRequest';
const QUOTA_FAILURE = 'type.googleapis.com/google.rpc.QuotaFailure';
const ERROR_INFO = 'type.googleapis.com/google.rpc.ErrorInfo';

describe('fcmBody', () => {
  it('is the data message that the apps read, with high priority and the time left to live', () => {
    expect(fcmBody('tok:en', legacyContent('c2Vj/+='), 'high', DAY)).toBe(
      '{"message":{"token":"tok:en","data":{"ENCRYPTED_DATA":"c2Vj/+="},"android":{"priority":"high","ttl":"86400s"}}}',
    );
  });

  it('wakes the phone without content by a map that has no ENCRYPTED_DATA', () => {
    expect(fcmBody('t', legacyContent(null), 'high', 1999)).toBe(
      '{"message":{"token":"t","data":{"remote":"1"},"android":{"priority":"high","ttl":"1s"}}}',
    );
  });

  it.each([
    [-5, '0s'],
    [999, '0s'],
    [28 * DAY, '2419200s'],
    [29 * DAY, '2419200s'],
  ])('keeps %i ms within what FCM takes as ttl', (ttlMs, ttl) => {
    expect(JSON.parse(fcmBody('t', legacyContent('x'), 'high', ttlMs))).toMatchObject({
      message: { android: { ttl } },
    });
  });

  it("has the fields of firebase-admin's message", () => {
    const { token, data, android }: FcmMessage = JSON.parse(fcmBody('t', legacyContent('x'), 'high', DAY)).message;
    const same: TokenMessage = {
      token,
      data,
      android: { priority: android.priority, ttl: parseInt(android.ttl) * 1000 },
    };
    expect(same).toEqual({ token: 't', data: { ENCRYPTED_DATA: 'x' }, android: { priority: 'high', ttl: DAY } });
  });
});

describe('fcmContentFits', () => {
  it.each([
    [4082, '', true],
    [4083, '', false],
    [4080, 'é', true],
    [4081, 'é', false],
  ])('counts key and value in UTF-8 bytes: %i characters and "%s" fit: %j', (length, tail, fits) => {
    expect(fcmContentFits(legacyContent('A'.repeat(length) + tail))).toBe(fits);
  });
});

const read = (status: number, body: unknown, headers: Record<string, string> = {}): FcmVerdict =>
  readFcmAnswer({ status, headers, body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) }, 0);

const error = (code: number, status: string, details: object[] = [], message = 'Words.') => ({
  error: { code, message, status, details },
});
const fcm = (errorCode: unknown) => ({ '@type': FCM_ERROR, errorCode });
const retried = (cause: RetryCause, reason: string, retryAfterMs?: number) => ({
  kind: 'result',
  result: { outcome: 'retry', cause, reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
});
const gone = (reason: string) => ({ kind: 'result', result: { outcome: 'token-gone', reason } });

describe('readFcmAnswer', () => {
  it('reads an accepted message', () => {
    expect(read(200, { name: 'projects/p/messages/0:1' })).toEqual({
      kind: 'result',
      result: { outcome: 'delivered', contentLeftOut: false },
    });
  });

  it.each<[number, string, string, unknown]>([
    [404, 'NOT_FOUND', 'UNREGISTERED', gone('UNREGISTERED')],
    [400, 'INVALID_ARGUMENT', 'INVALID_ARGUMENT', { kind: 'bad-argument', reason: 'INVALID_ARGUMENT' }],
    [403, 'PERMISSION_DENIED', 'SENDER_ID_MISMATCH', retried('wrong-address', 'SENDER_ID_MISMATCH')],
    [401, 'UNAUTHENTICATED', 'THIRD_PARTY_AUTH_ERROR', retried('credential', 'THIRD_PARTY_AUTH_ERROR')],
    [429, 'RESOURCE_EXHAUSTED', 'QUOTA_EXCEEDED', retried('provider-throttled', 'QUOTA_EXCEEDED', 60_000)],
    [500, 'INTERNAL', 'INTERNAL', retried('provider-down', 'INTERNAL', 10_000)],
    [503, 'UNAVAILABLE', 'UNAVAILABLE', retried('provider-down', 'UNAVAILABLE', 10_000)],
  ])('reads %i %s with FcmError %s', (code, status, fcmCode, verdict) => {
    expect(read(code, error(code, status, [fcm(fcmCode)]))).toEqual(verdict);
  });

  it.each<[number, string, unknown]>([
    [400, 'INVALID_ARGUMENT', { kind: 'bad-argument', reason: 'INVALID_ARGUMENT' }],
    [401, 'UNAUTHENTICATED', { kind: 'token-refused', reason: 'UNAUTHENTICATED' }],
    [403, 'PERMISSION_DENIED', retried('configuration', 'PERMISSION_DENIED')],
    [404, 'NOT_FOUND', retried('configuration', 'NOT_FOUND')],
    [429, 'RESOURCE_EXHAUSTED', retried('provider-throttled', 'RESOURCE_EXHAUSTED', 60_000)],
    [500, 'INTERNAL', retried('provider-down', 'INTERNAL', 10_000)],
    [503, 'UNAVAILABLE', retried('provider-down', 'UNAVAILABLE', 10_000)],
  ])('reads %i %s without an FcmError', (code, status, verdict) => {
    expect(read(code, error(code, status, [{ '@type': ERROR_INFO, reason: 'ANY' }]))).toEqual(verdict);
  });

  it('covers its tables with the cases above', () => {
    expect(Object.keys(FCM_ERRORS)).toHaveLength(7);
    expect(Object.keys(FCM_FRONT_END_ERRORS)).toHaveLength(7);
  });

  it.each([
    ['a violation of the field', [fcm('INVALID_ARGUMENT'), violation('message.token')], 'Words.'],
    ['a violation of the field, without an FcmError', [violation('message.token')], 'Words.'],
    ['its sentence', [fcm('INVALID_ARGUMENT')], 'The registration token is not a valid FCM registration token'],
  ])('takes a token for dead when FCM calls it malformed by %s', (_name, details, message) => {
    expect(read(400, error(400, 'INVALID_ARGUMENT', details, message))).toEqual(gone('INVALID_ARGUMENT'));
  });

  it.each([
    ['another field', [fcm('INVALID_ARGUMENT'), violation('message.android.ttl')], 'Words.'],
    ['a field below it', [fcm('INVALID_ARGUMENT'), violation('message.token.x')], 'Words.'],
    ['words about tokens', [fcm('INVALID_ARGUMENT')], 'Some registration token or other'],
    ['its sentence from somebody else', [], 'The registration token is not a valid FCM registration token'],
    ['violations that are none', [{ '@type': BAD_REQUEST, fieldViolations: 'message.token' }, null, 'x'], 'Words.'],
  ])('does not take a token for dead because of %s', (_name, details, message) => {
    const body = { error: { code: 400, message, status: 'INVALID_ARGUMENT', details } };
    expect(read(400, body)).toEqual({ kind: 'bad-argument', reason: 'INVALID_ARGUMENT' });
  });

  it.each([
    [404, 'INVALID_ARGUMENT'],
    [400, 'UNREGISTERED'],
    [410, 'UNREGISTERED'],
    [403, 'UNREGISTERED'],
    [500, 'UNREGISTERED'],
    [500, 'UNSPECIFIED_ERROR'],
    [400, 'SOMETHING_NEW'],
  ])('does not know what %i with %s means, keeps it and names it', (code, fcmCode) => {
    expect(read(code, error(code, 'NOT_FOUND', [fcm(fcmCode), violation('message.token')]))).toEqual(
      retried('outcome-unknown', fcmCode),
    );
  });

  it.each([42, null, undefined, 'lower case', 'A'.repeat(41), 'UNREGISTERED; token=abc'])(
    'takes nothing over of an errorCode like %j',
    (code) => {
      expect(read(404, error(404, 'NOT_FOUND', [fcm(code)]))).toEqual(retried('outcome-unknown', 'UnreadableCode'));
    },
  );

  it.each<[number, unknown]>([
    [400, retried('outcome-unknown', 'Http400')],
    [401, { kind: 'token-refused', reason: 'Http401' }],
    [403, retried('outcome-unknown', 'Http403')],
    [404, retried('configuration', 'Http404')],
    [418, retried('outcome-unknown', 'Http418')],
    [302, retried('outcome-unknown', 'Http302')],
    [429, retried('provider-throttled', 'Http429', 60_000)],
    [500, retried('provider-down', 'Http500', 10_000)],
    [502, retried('provider-down', 'Http502', 10_000)],
    [504, retried('provider-down', 'Http504', 10_000)],
  ])('reads %i from the status alone when the body is not what it should be', (status, verdict) => {
    for (const body of [
      '',
      '<html>',
      '{"error":',
      '[]',
      '{"error":"text"}',
      '{"error":{"status":7,"details":{}}}',
      '{"error":{"details":[{"@type":7}]}}',
    ]) {
      expect(read(status, body)).toEqual(verdict);
    }
  });

  it.each(['', '{"na', '{}', '{"name":7}', '[]'])('does not believe a success that says %j', (body) => {
    expect(read(200, body)).toEqual(retried('outcome-unknown', 'MalformedAnswer'));
  });

  it.each([
    ['a violated quota', [fcm('QUOTA_EXCEEDED'), quota({ subject: 'device:x' })], 'Words.'],
    ['its description', [fcm('QUOTA_EXCEEDED'), quota({ description: 'Device message rate exceeded' })], 'Words.'],
    ['the message', [fcm('QUOTA_EXCEEDED')], 'Message rate exceeded for this device.'],
  ])('slows one device down when %s names it', (_name, details, message) => {
    expect(read(429, error(429, 'RESOURCE_EXHAUSTED', details, message))).toEqual(
      retried('device-throttled', 'QUOTA_EXCEEDED', 60_000),
    );
  });

  it('slows all down when the quota is the project’s', () => {
    const details = [fcm('QUOTA_EXCEEDED'), quota({ subject: 'project:7', description: 'Sends per minute' })];
    expect(read(429, error(429, 'RESOURCE_EXHAUSTED', details))).toEqual(
      retried('provider-throttled', 'QUOTA_EXCEEDED', 60_000),
    );
  });

  it.each([
    ['30', 30_000],
    ['Thu, 01 Jan 1970 00:02:00 GMT', 120_000],
    ['later', 10_000],
  ])('honours Retry-After: %s', (header, wait) => {
    expect(read(503, error(503, 'UNAVAILABLE', [fcm('UNAVAILABLE')]), { 'retry-after': header })).toEqual(
      retried('provider-down', 'UNAVAILABLE', wait),
    );
  });
});

function violation(field: string) {
  return { '@type': BAD_REQUEST, fieldViolations: [{ field, description: 'Words.' }] };
}

function quota(violated: object) {
  return { '@type': QUOTA_FAILURE, violations: [violated] };
}
