import { describe, expect, it } from 'vitest';
import { MISSING_PARAMETER, wireId, wireToken } from './wire-text.js';

const refusal = (value: unknown, schema = wireId('pubKey')): string | undefined =>
  schema.safeParse(value).error?.issues[0]?.message;

describe('wireId', () => {
  it.each(['05abc', 'x', '~!"\\', 'a'.repeat(255)])('takes any printable ASCII of up to 255 characters', (id) => {
    expect(wireId('pubKey').parse(id)).toBe(id);
  });

  it.each([undefined, null, '', 0, false])('counts an absent or falsy value as missing', (value) => {
    expect(refusal(value)).toBe(MISSING_PARAMETER);
  });

  it.each([[7], [true], [['05abc']], [{}]])('refuses what is no text', (value) => {
    expect(refusal(value)).toBe('pubKey must be a string');
  });

  it('refuses 256 characters', () => {
    expect(refusal('a'.repeat(256))).toBe('pubKey must be at most 255 characters');
  });

  it.each([' ', 'a b', 'a\n', '\u0000', 'ä', '\u007f', '😀'])(
    'refuses spaces, control characters and more than ASCII',
    (id) => {
      expect(refusal(id)).toBe('pubKey must be printable ASCII without spaces');
    },
  );
});

describe('wireToken', () => {
  it('takes 1024 characters and refuses one more', () => {
    expect(wireToken().parse('t'.repeat(1024))).toHaveLength(1024);
    expect(refusal('t'.repeat(1025), wireToken())).toBe('token must be at most 1024 characters');
  });
});
