import { describe, expect, it } from 'vitest';
import vectors from '../../../test/vectors/onion-vectors.json' with { type: 'json' };
import { agree, exportPrivateKey, generateKeyPair, importKeyPair } from './key-agreement.js';

const fromHex = (text: string) => Buffer.from(text, 'hex');
const server = importKeyPair(fromHex(vectors.keys.server_sec_hex));
const client = importKeyPair(fromHex(vectors.keys.client_eph_sec_hex));

/** All points whose order is 1, 2, 4 or 8, with the non-canonical spellings (RFC 7748; Bernstein's list). */
const lowOrder = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
];

describe('X25519', () => {
  it('derives the public keys and the shared secret of the known answers', () => {
    expect(server.publicKey.toString('hex')).toBe(vectors.keys.server_pub_hex);
    expect(client.publicKey.toString('hex')).toBe(vectors.keys.client_eph_pub_hex);
    expect(agree(server, client.publicKey)?.toString('hex')).toBe(vectors.keys.x25519_shared_hex);
    expect(agree(client, server.publicKey)?.toString('hex')).toBe(vectors.keys.x25519_shared_hex);
  });

  it.each(lowOrder)('refuses the low-order point %s, with and without the ignored top bit', (point) => {
    const withTopBit = fromHex(point);
    withTopBit.writeUInt8(withTopBit.readUInt8(31) | 0x80, 31);
    expect(agree(server, fromHex(point))).toBeNull();
    expect(agree(server, withTopBit)).toBeNull();
  });

  it('makes pairs that agree and that can be written down and read back', () => {
    const [own, other] = [generateKeyPair(), generateKeyPair()];
    const again = importKeyPair(exportPrivateKey(own));
    expect(again.publicKey).toEqual(own.publicKey);
    expect(agree(again, other.publicKey)).toEqual(agree(other, own.publicKey));
  });

  it.each([0, 31, 33])('refuses a private key of %i bytes', (length) => {
    expect(() => importKeyPair(Buffer.alloc(length, 1))).toThrow(RangeError);
  });
});
