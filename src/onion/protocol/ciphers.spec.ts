import { describe, expect, it } from 'vitest';
import vectors from '../../../test/vectors/onion-vectors.json' with { type: 'json' };
import { Channel } from './channel.js';
import { CIPHERS, type EncType, parseEncType } from './ciphers.js';
import { generateKeyPair, importKeyPair } from './key-agreement.js';

const fromHex = (text: string) => Buffer.from(text, 'hex');
const { keys } = vectors;
const material = {
  shared: fromHex(keys.x25519_shared_hex),
  clientPublicKey: fromHex(keys.client_eph_pub_hex),
  serverPublicKey: fromHex(keys.server_pub_hex),
};
const expectedKeys: Record<EncType, string> = { 'aes-gcm': keys.aes_gcm_key_hex, xchacha20: keys.xchacha20_key_hex };
const encTypes = ['aes-gcm', 'xchacha20'] as const;
const known = vectors.channel.flatMap((vector) => {
  const encType = encTypes.find((type) => type === vector.enc_type);
  return encType ? [{ ...vector, encType }] : [];
});

describe('known answers', () => {
  it.each(encTypes)('derives the %s key', (encType) => {
    expect(Buffer.from(CIPHERS[encType].deriveKey(material)).toString('hex')).toBe(expectedKeys[encType]);
  });

  it('depends on the order of the public keys with XChaCha20', () => {
    const swapped = {
      ...material,
      clientPublicKey: material.serverPublicKey,
      serverPublicKey: material.clientPublicKey,
    };
    expect(Buffer.from(CIPHERS.xchacha20.deriveKey(swapped)).toString('hex')).toBe(keys.xchacha20_key_WRONG_ORDER_hex);
  });

  it('covers both ciphers in both directions', () => {
    expect(new Set(known.map(({ encType, direction }) => `${encType} ${direction}`)).size).toBe(4);
  });

  it.each(known)('opens and seals the $encType $direction of $blob_len bytes', (vector) => {
    const cipher = CIPHERS[vector.encType];
    const key = fromHex(expectedKeys[vector.encType]);
    expect(cipher.open(key, fromHex(vector.blob_hex))?.toString('hex')).toBe(vector.plaintext_hex);
    expect(cipher.seal(key, fromHex(vector.nonce_hex), fromHex(vector.plaintext_hex)).toString('hex')).toBe(
      vector.blob_hex,
    );
  });

  it('opens what libsession-util publishes for its own tests', () => {
    const { A, B, b, plaintext, aes_gcm, xchacha20 } = vectors.libsession_util_published.hop;
    const server = importKeyPair(fromHex(b));
    expect(server.publicKey.toString('hex')).toBe(B);
    const open = (encType: EncType, sealed: string) =>
      Channel.ofServer(server, fromHex(A), encType)?.open(fromHex(sealed))?.toString();
    expect(open('aes-gcm', aes_gcm)).toBe(plaintext);
    expect(open('xchacha20', xchacha20)).toBe(plaintext);
  });
});

describe.each(encTypes)('%s', (encType) => {
  const cipher = CIPHERS[encType];
  const key = fromHex(expectedKeys[encType]);
  const sealed = cipher.seal(key, Buffer.alloc(cipher.nonceBytes, 7), Buffer.from('Hello world'));

  it('refuses every blob that is cut short', () => {
    for (let length = 0; length < sealed.length; length++)
      expect(cipher.open(key, sealed.subarray(0, length)), `${length} bytes`).toBeNull();
  });

  it('refuses a blob with any bit turned over', () => {
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const altered = Buffer.from(sealed);
      altered.writeUInt8(altered.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(cipher.open(key, altered), `bit ${bit}`).toBeNull();
    }
  });

  it('refuses a blob with a byte more', () => {
    expect(cipher.open(key, Buffer.concat([sealed, Buffer.alloc(1)]))).toBeNull();
  });

  it('uses a fresh nonce for every message', () => {
    const channel = Channel.ofClient(generateKeyPair(), material.serverPublicKey, encType);
    const nonces = Array.from({ length: 50 }, () =>
      channel?.seal(Buffer.alloc(0)).toString('hex', 0, cipher.nonceBytes),
    );
    expect(new Set(nonces).size).toBe(50);
  });

  it('makes no channel from a key of low order', () => {
    expect(Channel.ofServer(generateKeyPair(), Buffer.alloc(32), encType)).toBeNull();
    expect(Channel.ofClient(generateKeyPair(), Buffer.alloc(32), encType)).toBeNull();
  });
});

describe('parseEncType', () => {
  it.each([
    [undefined, 'aes-gcm'],
    ['aes-gcm', 'aes-gcm'],
    ['gcm', 'aes-gcm'],
    ['xchacha20', 'xchacha20'],
    ['xchacha20-poly1305', 'xchacha20'],
  ])('reads %s as %s', (value, expected) => {
    expect(parseEncType(value)).toBe(expected);
  });

  it.each(['aes-cbc', 'cbc', '', 'AES-GCM', 'constructor', null, 7, ['gcm']])('refuses %j', (value) => {
    expect(parseEncType(value)).toBeNull();
  });
});
