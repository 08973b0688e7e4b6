import { afterEach, describe, expect, it, vi } from 'vitest';
import { MAX_JSON_VALUES, parseJson, parseJsonObject } from './json.js';

const MEGABYTE = 1 << 20;

describe('parseJson', () => {
  it.each([
    ['an object', ' {"a":[1]}\n', { a: [1] }],
    ['an array', '[]', []],
    ['a scalar', '7', 7],
    ['null', 'null', null],
  ])('reads %s', (_what, text, value) => {
    expect(parseJson(text)).toEqual(value);
    expect(parseJson(Buffer.from(text))).toEqual(value);
  });

  it.each([
    ['nothing', ''],
    ['a byte order mark', '\ufeff{}'],
    ['text behind the value', '{} {}'],
    ['half a value', '{"a":'],
  ])('does not read %s', (_what, text) => {
    expect(parseJson(text)).toBeUndefined();
    expect(parseJson(Buffer.from(text))).toBeUndefined();
  });

  it('does not read bytes that are not UTF-8', () => {
    expect(parseJson(Buffer.from([0x22, 0xff, 0x22]))).toBeUndefined();
  });
});

describe('JSON of a megabyte', () => {
  afterEach(() => void vi.restoreAllMocks());

  it.each([
    ['brackets', '['.repeat(MEGABYTE)],
    ['nested arrays', '['.repeat(MEGABYTE / 2) + ']'.repeat(MEGABYTE / 2)],
    ['nested objects', '{"":'.repeat(MEGABYTE / 4)],
    ['small arrays', `[${'[],'.repeat(MEGABYTE / 3)}1]`],
    ['keys', `{${Array.from({ length: MEGABYTE / 9 }, (_, index) => `"${index}":1`).join(',')}}`],
    ['numbers', `[${'1,'.repeat(MEGABYTE / 2)}1]`],
    ['objects of one key', `[${Array.from({ length: MEGABYTE / 13 }, (_, index) => `{"${index}":1}`).join(',')}]`],
  ])('is refused before it costs anything when it is full of %s', (_what, text) => {
    const parse = vi.spyOn(JSON, 'parse');
    expect(parseJson(text)).toBeUndefined();
    expect(parse).not.toHaveBeenCalled();
  });

  it('is read when it is text, whatever the text is of', () => {
    for (const sign of ['x', '[', '{', ',', '"', '\\', '\\"[']) {
      const args = { data: sign.repeat(MEGABYTE / 4) };
      expect(parseJsonObject(JSON.stringify(args))).toEqual(args);
    }
  });
});

describe('the bound on values', () => {
  const listOf = (values: number) => `[${new Array(values).fill('"a]"').join(',')}]`;

  it('is above what fits into a body: subscriptions to groups with all that they may say', () => {
    const item = {
      ...{
        pubkey: `03${'a'.repeat(64)}`,
        session_ed25519: null,
        subaccount: 'a'.repeat(72),
        subaccount_sig: 'a'.repeat(128),
      },
      ...{ namespaces: [-11, 11, 12, 13, 14], data: true, sig_ts: 1_800_000_000, signature: 'a'.repeat(128) },
      ...{ service: 'firebase', service_info: { token: 'a'.repeat(160) }, enc_key: 'a'.repeat(64) },
    };
    const items = Array.from({ length: Math.floor(MEGABYTE / JSON.stringify(item).length) }, () => item);
    expect(parseJson(JSON.stringify(items))).toEqual(items);
  });

  it('takes as many and not one more', () => {
    expect(parseJson(listOf(MAX_JSON_VALUES))).toHaveLength(MAX_JSON_VALUES);
    expect(parseJson(listOf(MAX_JSON_VALUES + 1))).toBeUndefined();
  });
});
