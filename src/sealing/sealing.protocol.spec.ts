import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { blake2b, xchacha20poly1305 } from '../../test/support/reference-crypto.js';
import { deriveKeys, isSealed, keyCheckOf, openToken, sealId, sealToken } from './sealing.protocol.js';

const dataKey = randomBytes(32);
const keys = deriveKeys(dataKey);
const derived = (use: string): Buffer => blake2b(32, dataKey, Buffer.from(use));
const texts = ['a', '05'.padEnd(66, 'b'), '~'.repeat(128), 'x'.repeat(255), 'T'.repeat(1024)];

describe('the reference', () => {
  it('is BLAKE2b, as OpenSSL has it without a key', () => {
    for (const text of ['', ...texts])
      expect(blake2b(64, Buffer.alloc(0), Buffer.from(text))).toEqual(createHash('blake2b512').update(text).digest());
  });
});

describe('keys', () => {
  it('are keyed BLAKE2b-256 of what they are for', () => {
    expect(Buffer.from(keys.id)).toEqual(derived('session-push id'));
    expect(Buffer.from(keys.nonce)).toEqual(derived('session-push token nonce'));
    expect(Buffer.from(keys.token)).toEqual(derived('session-push token'));
    expect(keyCheckOf(dataKey)).toBe(derived('session-push check').toString('base64url'));
  });
});

describe('a sealed id', () => {
  it.each(texts.slice(0, 4))('is a space and keyed BLAKE2b-256 of %s in base64url', (id) => {
    const expected = ` ${blake2b(32, derived('session-push id'), Buffer.from(id)).toString('base64url')}`;
    expect(sealId(keys, id)).toBe(expected);
    expect(expected).toHaveLength(44);
  });
});

describe('a sealed token', () => {
  it.each(texts)('is a space and nonce, XChaCha20-Poly1305 and tag of %s in base64url', (token) => {
    const nonce = blake2b(24, derived('session-push token nonce'), Buffer.from(token));
    const ciphertext = xchacha20poly1305(derived('session-push token'), nonce, Buffer.from(token));
    const sealed = sealToken(keys, token);
    expect(sealed).toBe(` ${Buffer.concat([nonce, ciphertext]).toString('base64url')}`);
    expect(openToken(keys, sealed)).toBe(token);
  });

  it('fits its column, whatever a client sends', () => {
    expect(sealToken(keys, 'T'.repeat(1024))).toHaveLength(1420);
  });

  it('is not opened with another key', () => {
    expect(openToken(deriveKeys(randomBytes(32)), sealToken(keys, 'token'))).toBeNull();
  });

  it('is not opened when any of its characters is another', () => {
    const sealed = sealToken(keys, 'token');
    for (let index = 0; index < sealed.length - 1; index++) {
      const other = sealed[index] === 'A' ? 'B' : 'A';
      expect(openToken(keys, sealed.slice(0, index) + other + sealed.slice(index + 1))).toBeNull();
    }
  });

  it.each(['', ' ', ' AAAA', ' '.padEnd(54, 'A'), 'token', ' \u{1f511}'])('is not %j', (text) => {
    expect(openToken(keys, text)).toBeNull();
  });
});

it('no text of a client passes for a sealed one, and every sealed one does', () => {
  for (let code = 0x21; code <= 0x7e; code++) expect(isSealed(String.fromCharCode(code))).toBe(false);
  expect(isSealed(sealId(keys, 'a'))).toBe(true);
  expect(isSealed(sealToken(keys, 'a'))).toBe(true);
});
