import { legacyContent } from '../push-content.js';
import { describe, expect, it } from 'vitest';
import {
  HUAWEI_CODES,
  huaweiBody,
  huaweiContentFits,
  type HuaweiMessage,
  type HuaweiVerdict,
  readHuaweiAnswer,
} from './huawei.protocol.js';
import { type RetryCause } from '../push-transport.js';

const DAY = 86_400_000;
const message = (fields: Partial<HuaweiMessage> = {}): HuaweiMessage => ({
  content: legacyContent('c2Vj/+='),
  ttlMs: DAY,
  urgency: 'HIGH',
  ...fields,
});

describe('huaweiBody', () => {
  it('is what the original sends, with the time left to live, for all tokens', () => {
    expect(huaweiBody(message(), ['a', 'b'])).toBe(
      '{"validate_only":false,"message":{"data":"c2Vj/+=","android":{"urgency":"HIGH","ttl":"86400s"},"token":["a","b"]}}',
    );
  });

  it('wakes the phone without content by a map with an entry, which the app does not take for base64', () => {
    const { data } = JSON.parse(huaweiBody(message({ content: legacyContent(null) }), ['a'])).message;
    expect(data).toBe('{"remote":"1"}');
    expect(Object.keys(JSON.parse(data))).not.toContain('ENCRYPTED_DATA');
  });

  it('carries the urgency', () => {
    expect(JSON.parse(huaweiBody(message({ urgency: 'NORMAL' }), ['a'])).message.android.urgency).toBe('NORMAL');
  });

  it.each([
    [-5, '1s'],
    [1999, '1s'],
    [16 * DAY, '1296000s'],
  ])('keeps %i ms within what HMS takes as ttl', (ttlMs, ttl) => {
    expect(JSON.parse(huaweiBody(message({ ttlMs }), ['a'])).message.android.ttl).toBe(ttl);
  });
});

describe('huaweiContentFits', () => {
  // 74 bytes around the data, and 15 for the time to live.
  it.each([
    ['A'.repeat(4007), true],
    ['A'.repeat(4008), false],
    ['é'.repeat(2003), true],
    ['é'.repeat(2004), false],
    ['"'.repeat(2003), true],
    ['"'.repeat(2004), false],
  ])('counts the bytes of the body without its tokens', (content, fits) => {
    expect(huaweiContentFits(message({ content: legacyContent(content) }))).toBe(fits);
    const withoutTokens = huaweiBody(message({ content: legacyContent(content) }), []).replace(',"token":[]', '');
    expect(Buffer.byteLength(withoutTokens) <= 4096).toBe(fits);
  });
});

type Read = { status?: number; headers?: Record<string, string>; tokens?: number };
const readRaw = (body: string, { status = 200, headers = {}, tokens = 1 }: Read = {}): HuaweiVerdict =>
  readHuaweiAnswer({ status, headers, body: Buffer.from(body) }, tokens, 0);
const read = (code: unknown, msg: unknown = 'Words.', options: Read = {}): HuaweiVerdict =>
  readRaw(JSON.stringify({ code, msg, requestId: '1' }), options);

const retried = (cause: RetryCause, reason: string, retryAfterMs?: number) => ({
  kind: 'result',
  result: { outcome: 'retry', cause, reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
});
const refused = (reason: string) => ({ kind: 'result', result: { outcome: 'refused', reason } });
const gone = (reason: string) => ({ kind: 'result', result: { outcome: 'token-gone', reason } });
const accepted = (illegal: string[], complete: boolean, reason = 'Code80100000') => ({
  kind: 'accepted',
  illegalTokens: new Set(illegal),
  complete,
  reason,
});

describe('readHuaweiAnswer', () => {
  const table: [string, unknown][] = [
    ['80000000', accepted([], true, 'Code80000000')],
    ['80100001', refused('Code80100001')],
    ['80100002', { kind: 'split', into: 'singles', reason: 'Code80100002' }],
    ['80100003', refused('Code80100003')],
    ['80100004', refused('Code80100004')],
    ['80100013', refused('Code80100013')],
    ['80100016', refused('Code80100016')],
    ['80100017', retried('provider-throttled', 'Code80100017')],
    ['80100018', refused('Code80100018')],
    ['80100022', refused('Code80100022')],
    ['80200001', { kind: 'token-refused', reason: 'Code80200001' }],
    ['80200003', { kind: 'token-refused', reason: 'Code80200003' }],
    ['80200005', { kind: 'token-refused', reason: 'Code80200005' }],
    ['80300002', retried('configuration', 'Code80300002')],
    ['80300008', { kind: 'too-large', reason: 'Code80300008' }],
    ['80300010', { kind: 'split', into: 'halves', reason: 'Code80300010' }],
    ['80300011', { kind: 'priority-refused', reason: 'Code80300011' }],
    ['80300013', retried('configuration', 'Code80300013')],
    ['80300029', retried('configuration', 'Code80300029')],
    ['80300030', retried('configuration', 'Code80300030')],
    ['80300036', retried('credential', 'Code80300036')],
    ['80300037', retried('configuration', 'Code80300037')],
    ['80600003', retried('provider-down', 'Code80600003')],
    ['81000001', retried('provider-down', 'Code81000001')],
  ];

  it.each(table)('reads %s', (code, verdict) => {
    expect(read(code)).toEqual(verdict);
    expect(read(Number(code))).toEqual(verdict);
  });

  it('covers its table with the cases above and two below', () => {
    expect(Object.keys(HUAWEI_CODES).toSorted()).toEqual(
      [...table.map(([code]) => code), '80100000', '80300007'].toSorted(),
    );
  });

  it.each(['82000001', '80300099', '00000000'])('does not know %s, keeps it and names it', (code) => {
    expect(read(code)).toEqual(retried('outcome-unknown', `Code${code}`));
  });

  describe('80100000, part of the tokens illegal', () => {
    const msg = (fields: object) => JSON.stringify({ success: 2, failure: 1, illegal_tokens: ['b'], ...fields });

    it('lists the illegal ones in JSON text', () => {
      expect(read('80100000', msg({}))).toEqual(accepted(['b'], true));
    });

    it('lists them in a JSON object, or without numbers, or with numbers as text', () => {
      expect(read('80100000', { failure: 1, illegal_tokens: ['b'] })).toEqual(accepted(['b'], true));
      expect(read('80100000', { illegal_tokens: ['b'] })).toEqual(accepted(['b'], true));
      expect(read('80100000', msg({ failure: '1' }))).toEqual(accepted(['b'], true));
    });

    it.each<[string, unknown, string[]]>([
      ['names fewer than failed', msg({ failure: 2 }), ['b']],
      ['names none', msg({ illegal_tokens: [] }), []],
      ['is a sentence', 'Some tokens are right, the others are illegal', []],
      ['is no list', msg({ illegal_tokens: 'b' }), []],
      ['holds other things', msg({ failure: 2, illegal_tokens: ['b', 7, null] }), ['b']],
      ['is absent', null, []],
    ])('is not certain about the others when the list %s', (_name, text, illegal) => {
      expect(read('80100000', text)).toEqual(accepted(illegal, false));
    });
  });

  describe('80300007, all tokens invalid', () => {
    it('is believed of a single token', () => {
      expect(read('80300007', 'All the tokens are invalid')).toEqual(gone('Code80300007'));
      expect(read('80300007', null)).toEqual(gone('Code80300007'));
    });

    it.each([2, 1000])('is not believed of %i tokens at once, whatever it says', (tokens) => {
      for (const msg of ['All the tokens are invalid', '{"tokenFormatError":["a"]}', '{"noRight":["a"]}']) {
        expect(read('80300007', msg, { tokens })).toEqual({ kind: 'split', into: 'halves', reason: 'Code80300007' });
      }
    });

    it.each<[string, unknown]>([
      ['tokenFormatError', gone('Code80300007:tokenFormatError')],
      ['tokenPlatformNotSupport', gone('Code80300007:tokenPlatformNotSupport')],
      ['countryNotSupport', refused('Code80300007:countryNotSupport')],
      ['noRight', retried('configuration', 'Code80300007:noRight')],
      ['appinfoError', retried('configuration', 'Code80300007:appinfoError')],
      ['penalty', retried('configuration', 'Code80300007:penalty')],
    ])('reads its cause %s from a sentence, JSON text and JSON', (cause, verdict) => {
      expect(read('80300007', `All tokens are invalid: ${cause}`)).toEqual(verdict);
      expect(read('80300007', JSON.stringify({ [cause]: ['a'] }))).toEqual(verdict);
      expect(read('80300007', { [cause]: 1 })).toEqual(verdict);
    });

    it('keeps the token when one of several causes is the operator’s', () => {
      const msg = JSON.stringify({ tokenFormatError: ['a'], noRight: ['a'] });
      expect(read('80300007', msg)).toEqual(retried('configuration', 'Code80300007:noRight'));
    });

    it('passes over causes with nothing under them', () => {
      const msg = JSON.stringify({ noRight: [], penalty: 0, appinfoError: null, tokenFormatError: ['a'] });
      expect(read('80300007', msg)).toEqual(gone('Code80300007:tokenFormatError'));
    });
  });

  it.each<[number, unknown]>([
    [301, retried('outcome-unknown', 'Http301')],
    [400, retried('outcome-unknown', 'Http400')],
    [401, { kind: 'token-refused', reason: 'Http401' }],
    [403, retried('outcome-unknown', 'Http403')],
    [404, retried('configuration', 'Http404')],
    [429, retried('provider-throttled', 'Http429')],
    [500, retried('provider-down', 'Http500')],
    [502, retried('provider-down', 'Http502')],
    [503, retried('provider-throttled', 'Http503')],
    [504, retried('provider-down', 'Http504')],
    [599, retried('provider-down', 'Http599')],
  ])('reads HTTP %i without JSON from the status alone', (status, verdict) => {
    for (const body of ['', '<html>', '{"code":']) expect(readRaw(body, { status })).toEqual(verdict);
  });

  it('takes a 400 of HMS itself without a code for a mistake of ours', () => {
    expect(readRaw('{"msg":"bad"}', { status: 400 })).toEqual(refused('Http400'));
  });

  it('lets the code decide over 400 and 401', () => {
    expect(read('80100003', '', { status: 400 })).toEqual(refused('Code80100003'));
    expect(read('80200003', '', { status: 401 })).toEqual({ kind: 'token-refused', reason: 'Code80200003' });
  });

  it.each([404, 500, 502, 503])('removes no token and believes no success that comes with HTTP %i', (status) => {
    for (const code of ['80300007', '80000000', '80100000']) {
      expect(read(code, '{"illegal_tokens":["a"]}', { status })).toMatchObject({ result: { outcome: 'retry' } });
    }
  });

  it('does not believe a success that comes with HTTP 400', () => {
    expect(read('80000000', '', { status: 400 })).toEqual(retried('outcome-unknown', 'Code80000000'));
  });

  it.each(['', '<html>', '{"code":', '[]', '{}', '{"code":null}', '{"code":"8000000"}', '{"code":"80000000 token"}'])(
    'does not believe a success that says %j',
    (body) => {
      expect(readRaw(body)).toEqual(retried('outcome-unknown', 'MalformedAnswer'));
    },
  );

  it('passes on how long to wait', () => {
    const headers = { 'retry-after': '30' };
    expect(readRaw('', { status: 503, headers })).toEqual(retried('provider-throttled', 'Http503', 30_000));
    expect(read('81000001', '', { headers })).toEqual(retried('provider-down', 'Code81000001', 30_000));
  });
});
