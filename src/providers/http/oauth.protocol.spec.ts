import { describe, expect, it } from 'vitest';
import { type TokenGrant } from './oauth-token-source.js';
import { readTokenAnswer } from './oauth.protocol.js';

const read = (status: number, body: unknown, headers: Record<string, string> = {}): TokenGrant =>
  readTokenAnswer({ status, headers, body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) }, 0);

describe('readTokenAnswer', () => {
  it('reads a grant', () => {
    expect(read(200, { access_token: 'CwF/+=.token', expires_in: 3599, token_type: 'Bearer' })).toEqual({
      kind: 'granted',
      token: 'CwF/+=.token',
      lifetimeMs: 3_599_000,
    });
  });

  it.each([undefined, null, 'soon', 0, -1, {}])('takes a life of %j for a short one', (expires) => {
    expect(read(200, { access_token: 'a', expires_in: expires })).toMatchObject({
      kind: 'granted',
      lifetimeMs: 300_000,
    });
  });

  it('reads a life that is written as text', () => {
    expect(read(200, { access_token: 'a', expires_in: '60' })).toMatchObject({ lifetimeMs: 60_000 });
  });

  it.each([
    '<html>',
    '[]',
    'null',
    {},
    { access_token: '' },
    { access_token: 7 },
    { access_token: 'two words' },
    { access_token: 'line\r\nInjected: header' },
    { access_token: 'x'.repeat(8193) },
  ])('takes a success without a usable token (%j) for an endpoint out of order', (body) => {
    expect(read(200, body)).toEqual({ kind: 'failed', cause: 'provider-down', reason: 'TokenAnswerMalformed' });
  });

  it.each<[number, unknown, string, string]>([
    [400, { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' }, 'credential', 'invalid_grant'],
    [401, { error: 'invalid_client' }, 'credential', 'invalid_client'],
    [403, { error: 'access_denied' }, 'credential', 'access_denied'],
    [400, { error: 1101, sub_error: 20042 }, 'credential', 'TokenError1101'],
    [400, '<html>', 'credential', 'TokenHttp400'],
    [400, { error: 'Free text with anything in it' }, 'credential', 'TokenHttp400'],
    [400, { error: 1.5 }, 'credential', 'TokenHttp400'],
    [404, '<html>', 'configuration', 'TokenHttp404'],
    [405, '', 'configuration', 'TokenHttp405'],
    [302, '', 'provider-down', 'TokenHttp302'],
    [408, '', 'provider-down', 'TokenHttp408'],
    [429, '', 'provider-throttled', 'TokenHttp429'],
    [500, { error: 'internal_failure' }, 'provider-down', 'internal_failure'],
    [503, '', 'provider-down', 'TokenHttp503'],
  ])('reads %i %j as %s, %s', (status, body, cause, reason) => {
    expect(read(status, body)).toEqual({ kind: 'failed', cause, reason });
  });

  it('passes on how long to wait', () => {
    expect(read(503, '', { 'retry-after': '30' })).toMatchObject({ retryAfterMs: 30_000 });
  });
});
