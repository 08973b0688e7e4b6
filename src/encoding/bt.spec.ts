import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../test/vectors/oxenmq-vectors.json' with { type: 'json' };
import { type BtInput, type BtValue, decodeBt, encodeBt } from './bt.js';

const bt = (text: string) => Buffer.from(text, 'latin1');

/** What the vectors write as JSON, with `$hex`, `$int` and `$dict` for what JSON cannot say. */
function meant(value: unknown): BtInput {
  if (typeof value === 'number') return value;
  if (typeof value === 'string') return Buffer.from(value);
  if (Array.isArray(value)) return value.map(meant);
  const special = value as { $hex?: string; $int?: string; $dict?: [string, unknown][] };
  if (special.$hex !== undefined) return Buffer.from(special.$hex, 'hex');
  if (special.$int !== undefined) return smallest(BigInt(special.$int));
  const entries: [string, unknown][] = special.$dict
    ? special.$dict.map(([key, item]) => [Buffer.from(key, 'hex').toString('latin1'), item])
    : Object.entries(value as object);
  return new Map(entries.map(([key, item]) => [key, meant(item)]));
}

function smallest(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

describe('decodeBt', () => {
  it.each(vectors.bt.valid)('reads $what', ({ value, hex }) => {
    expect(decodeBt(Buffer.from(hex, 'hex'))).toEqual(meant(value));
  });

  it.each(vectors.bt.malformed)('refuses $what', ({ hex }) => {
    expect(decodeBt(Buffer.from(hex, 'hex'))).toBeNull();
  });

  it('tells integers that a number cannot hold from those that it can', () => {
    expect(decodeBt(bt('i9007199254740991e'))).toBe(Number.MAX_SAFE_INTEGER);
    expect(decodeBt(bt('i9007199254740992e'))).toBe(9007199254740992n);
    expect(decodeBt(bt('i-9007199254740992e'))).toBe(-9007199254740992n);
    expect(decodeBt(bt('i-999999999999999e'))).toBe(-999999999999999);
  });

  it('keeps to the limits of depth, bytes and values', () => {
    expect(decodeBt(bt('llleee'), { maxDepth: 3 })).toEqual([[[]]]);
    expect(decodeBt(bt('llleee'), { maxDepth: 2 })).toBeNull();
    expect(decodeBt(bt('d1:ad1:bleee'), { maxDepth: 2 })).toBeNull();
    expect(decodeBt(bt('d1:ad1:bdeee'), { maxDepth: 2 })).toBeNull();
    expect(decodeBt(bt('3:abc'), { maxBytes: 5 })).toEqual(bt('abc'));
    expect(decodeBt(bt('3:abc'), { maxBytes: 4 })).toBeNull();
    expect(decodeBt(bt('li1ei2ee'), { maxValues: 3 })).toEqual([1, 2]);
    expect(decodeBt(bt('li1ei2ee'), { maxValues: 2 })).toBeNull();
  });

  it('takes keys out of order and twice only when told to, and of two values the first', () => {
    const lax = { laxKeys: true };
    expect(decodeBt(bt('d1:bi1e1:ai2ee'), lax)).toEqual(new Map([['b', 1], ['a', 2]])); // prettier-ignore
    expect(decodeBt(bt('d1:ai1e1:ai2ee'), lax)).toEqual(new Map([['a', 1]]));
    expect(decodeBt(bt('d1:ai01ee'), lax)).toBeNull();
  });

  it('gives views into the bytes, not copies', () => {
    const bytes = bt('3:abc');
    expect((decodeBt(bytes) as Buffer).buffer).toBe(bytes.buffer);
  });

  it('never throws, and what it takes is the one encoding of its value', () => {
    const token = fc.constantFrom('i', 'e', 'l', 'd', '-', ':', '0', '1', '2', '10', 'a', 'ab', '1:a', '2:ab', 'i0e');
    fc.assert(
      fc.property(fc.array(token, { maxLength: 14 }), (tokens) => {
        const bytes = bt(tokens.join(''));
        const value = decodeBt(bytes);
        if (value !== null) expect(encodeBt(value)).toEqual(bytes);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('encodeBt', () => {
  it.each(vectors.bt.valid)('writes $what', ({ value, hex }) => {
    expect(encodeBt(meant(value)).toString('hex')).toBe(hex);
  });

  it('writes text as UTF-8 and minus zero as zero', () => {
    expect(encodeBt('é€')).toEqual(bt('5:\xc3\xa9\xe2\x82\xac'));
    expect(encodeBt(-0)).toEqual(bt('i0e'));
  });

  it.each([
    ['a fraction', 0.5],
    ['a number that is not exact', 2 ** 53],
    ['2^64', 2n ** 64n],
    ['an integer below int64', -(2n ** 63n) - 1n],
    ['a key with a character above U+00FF', new Map([['€', 1]])],
  ])('refuses %s', (_name, value) => {
    expect(() => encodeBt(value)).toThrow(RangeError);
  });

  it('writes what decodeBt reads back', () => {
    const { value } = fc.letrec<{ value: BtValue }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        fc.maxSafeInteger().map((number) => number + 0),
        fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
        fc.uint8Array().map((bytes) => Buffer.from(bytes)),
        fc.array(tie('value')),
        fc
          .array(fc.tuple(fc.uint8Array({ maxLength: 4 }), tie('value')))
          .map((entries) => new Map(entries.map(([key, item]) => [Buffer.from(key).toString('latin1'), item]))),
      ),
    }));
    fc.assert(
      fc.property(value, (written) => {
        expect(decodeBt(encodeBt(written))).toEqual(written);
      }),
    );
  });
});
