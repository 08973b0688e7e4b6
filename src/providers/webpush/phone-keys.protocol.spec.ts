import { createECDH } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decodeAuth, decodeP256dh, packKeys, unpackKeys } from './phone-keys.protocol.js';

/** RFC 8291, appendix A. */
const P256DH = 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4';
const AUTH = 'BTBZMqHH6r4Tts7J_aSIgg';

describe('the keys of a phone', () => {
  it('are base64url with or without its padding', () => {
    for (const padding of ['', '=', '==']) {
      expect(decodeP256dh(P256DH + padding)?.toString('base64url')).toBe(P256DH);
      expect(decodeAuth(AUTH + padding)?.toString('base64url')).toBe(AUTH);
    }
  });

  it('survive being stored', () => {
    const keys = { p256dh: Buffer.from(P256DH, 'base64url'), auth: Buffer.from(AUTH, 'base64url') };
    const packed = packKeys(keys);
    expect(packed).toHaveLength(81);
    expect(unpackKeys(packed)).toEqual(keys);
    expect(unpackKeys(packed.subarray(1))).toBeNull();
    expect(unpackKeys(Buffer.concat([packed, Buffer.of(0)]))).toBeNull();
  });

  const altered = (change: (point: Buffer) => void): string => {
    const point = Buffer.from(P256DH, 'base64url');
    change(point);
    return point.toString('base64url');
  };
  const ecdh = createECDH('prime256v1');
  it.each<[string, unknown]>([
    ['no text', 1],
    ['nothing', undefined],
    ['an empty text', ''],
    ['one byte less', P256DH.slice(0, -2)],
    ['one byte more', `${P256DH}AA`],
    ['standard base64', P256DH.replaceAll('_', '/').replaceAll('-', '+')],
    ['a point beside the curve', altered((point) => (point[64] = (point[64] ?? 0) ^ 1))],
    ['the point at infinity', altered((point) => point.fill(0))],
    ['another form', altered((point) => (point[0] = 6))],
    ['a compressed point', ecdh.generateKeys('base64url', 'compressed')],
  ])('are refused with %s for a point', (_, value) => expect(decodeP256dh(value)).toBeNull());

  it.each<[string, unknown]>([
    ['no text', null],
    ['15 bytes', 'A'.repeat(20)],
    ['17 bytes', 'A'.repeat(23)],
    ['other characters', `${AUTH.slice(1)}!`],
  ])('are refused with %s for the secret', (_, value) => expect(decodeAuth(value)).toBeNull());
});
