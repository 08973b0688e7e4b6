import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../test/vectors/onion-vectors.json' with { type: 'json' };
import { decodeEphemeralKey, decodeHexKey } from './key-encodings.js';

const hex = vectors.keys.client_eph_pub_hex;
const base64 = vectors.keys.client_eph_pub_b64;
/** The same key, encoded with another program. */
const base32z = 'n78xmijwsh3q1uoj3jiudoiw8k586jrotcybhy1ixc8m49p4ojyo';

describe('decodeHexKey', () => {
  it.each([
    ['lower case', hex],
    ['upper case', hex.toUpperCase()],
    ['spaces between bytes', hex.replace(/../g, '$& ')],
    ['every kind of ASCII whitespace around it', ` \t\n\v\f\r${hex}\r\n`],
  ])('reads %s', (_name, text) => {
    expect(decodeHexKey(text)?.toString('hex')).toBe(hex);
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a number', 7],
    ['an empty string', ''],
    ['one digit less', hex.slice(1)],
    ['one byte less', hex.slice(2)],
    ['one byte more', `${hex}00`],
    ['an account id', `05${hex}`],
    ['a space inside a byte', `${hex.slice(0, 1)} ${hex.slice(1)}`],
    ['a wide space', `${hex}\u00a0`],
    ['another letter', `g${hex.slice(1)}`],
    ['base64', base64],
  ])('refuses %s', (_name, text) => {
    expect(decodeHexKey(text)).toBeNull();
  });

  it('decides about a long run of spaces at once', () => {
    const started = performance.now();
    expect(decodeHexKey(`${' '.repeat(500_000)}00${' '.repeat(500_000)}x`)).toBeNull();
    expect(performance.now() - started).toBeLessThan(4000);
  });
});

describe('decodeEphemeralKey', () => {
  it.each([
    ['hex', hex],
    ['hex in capitals', hex.toUpperCase()],
    ['padded base64', base64],
    ['base64 without padding', base64.slice(0, 43)],
    ['base32z', base32z],
  ])('reads %s', (_name, text) => {
    expect(decodeEphemeralKey(text)?.toString('hex')).toBe(hex);
  });

  it('reads 32 raw bytes as far as a JSON string can carry them', () => {
    expect(decodeEphemeralKey('0123456789abcdef0123456789ABCDEF')?.toString()).toBe('0123456789abcdef0123456789ABCDEF');
    expect(decodeEphemeralKey('\u00e9'.repeat(16))?.toString('hex')).toBe('c3a9'.repeat(16));
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['an array', [hex]],
    ['an empty string', ''],
    ['one hex digit less', hex.slice(1)],
    ['an account id', `05${hex}`],
    ['hex with a space', `${hex} `],
    ['base64 of 44 characters without padding', `${base64.slice(0, 43)}A`],
    ['URL-safe base64', base64.replace('/', '_')],
    ['a letter that base32z does not have', `l${base32z.slice(1)}`],
    ['32 characters of two bytes each', '\u00e9'.repeat(32)],
  ])('refuses %s', (_name, text) => {
    expect(decodeEphemeralKey(text)).toBeNull();
  });

  it('reads base32z in any case, as an independent encoder writes it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const text = encodeBase32z(bytes);
        expect(text).toHaveLength(52);
        expect(decodeEphemeralKey(text)).toEqual(Buffer.from(bytes));
        expect(decodeEphemeralKey(text.toUpperCase())).toEqual(Buffer.from(bytes));
      }),
    );
  });
});

/** Bit by bit, unlike the decoder. */
function encodeBase32z(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{1,5}/g) ?? [])
    .map((five) => 'ybndrfg8ejkmcpqxot1uwisza345h769'.charAt(parseInt(five.padEnd(5, '0'), 2)))
    .join('');
}
