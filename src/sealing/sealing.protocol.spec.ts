import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { blake2b, xchacha20poly1305 } from '../../test/support/reference-crypto.js';
import {
  bindRow,
  boxPlace,
  deriveKeys,
  endOfGeneration,
  formerKeyCheckOf,
  generationOf,
  generationOfCheck,
  isSealed,
  keyCheckOf,
  markDamaged,
  MAX_DATA_KEYS,
  openAccount,
  openBox,
  openToken,
  sealAccount,
  sealBox,
  sealId,
  sealToken,
} from './sealing.protocol.js';

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
    expect(Buffer.from(keys.accountNonce)).toEqual(derived('session-push account nonce'));
    expect(Buffer.from(keys.account)).toEqual(derived('session-push account'));
    expect(Buffer.from(keys.box)).toEqual(derived('session-push box'));
    expect(Buffer.from(keys.binding)).toEqual(derived('session-push binding'));
    expect(keyCheckOf([dataKey])).toBe(derived('session-push check of bound rows').toString('base64url'));
    expect(formerKeyCheckOf([dataKey])).toBe(derived('session-push check').toString('base64url'));
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

describe('a sealed account', () => {
  const account = '05'.padEnd(66, 'ab');

  it('is a space and nonce, XChaCha20-Poly1305 and tag of its bytes in base64url', () => {
    const bytes = Buffer.from(account, 'hex');
    const nonce = blake2b(24, derived('session-push account nonce'), bytes);
    const ciphertext = xchacha20poly1305(derived('session-push account'), nonce, bytes);
    const sealed = sealAccount(keys, account);
    expect(sealed).toBe(` ${Buffer.concat([nonce, ciphertext]).toString('base64url')}`);
    expect(sealed).toHaveLength(99);
    expect(openAccount(keys, sealed)).toBe(account);
  });

  it('is not opened with another key, or as a token, and a token is none', () => {
    expect(openAccount(deriveKeys(randomBytes(32)), sealAccount(keys, account))).toBeNull();
    expect(openToken(keys, sealAccount(keys, account))).toBeNull();
    expect(openAccount(keys, sealToken(keys, account))).toBeNull();
    expect(openAccount(keys, account)).toBeNull();
  });
});

describe('a box', () => {
  const content = randomBytes(200);

  it('is nonce, XChaCha20-Poly1305 and tag, with its place as additional data', () => {
    const nonce = randomBytes(24);
    const place = Buffer.from('subscriptions enc_key 05ab firebase token');
    const sealed = sealBox(keys, content, boxPlace('subscriptions', 'enc_key', ['05ab', 'firebase', 'token']), nonce);
    expect(sealed).toEqual(
      Buffer.concat([nonce, xchacha20poly1305(derived('session-push box'), nonce, content, place)]),
    );
  });

  it.each([Buffer.alloc(0), content])('gives back what is in it', (bytes) => {
    expect(openBox(keys, sealBox(keys, bytes, 'here'), 'here')).toEqual(bytes);
  });

  it('looks different each time', () => {
    expect(sealBox(keys, content, 'here')).not.toEqual(sealBox(keys, content, 'here'));
  });

  it('is not opened elsewhere, with another key, or when a bit is another', () => {
    const sealed = sealBox(keys, content, 'here');
    expect(openBox(keys, sealed, 'there')).toBeNull();
    expect(openBox(deriveKeys(randomBytes(32)), sealed, 'here')).toBeNull();
    for (let index = 0; index < sealed.length; index++) {
      const other = Buffer.from(sealed);
      other.writeUInt8(other.readUInt8(index) ^ 1, index);
      expect(openBox(keys, other, 'here')).toBeNull();
    }
    expect(openBox(keys, Buffer.alloc(0), 'here')).toBeNull();
    expect(openBox(keys, sealed.subarray(0, 39), 'here')).toBeNull();
  });
});

describe('a binding', () => {
  it('is keyed BLAKE2b-128 of table, column and values in base64url', () => {
    const expected = blake2b(16, derived('session-push binding'), Buffer.from('devices binding  token  id android'));
    const binding = bindRow(keys, boxPlace('devices', 'binding', [' token', ' id', 'android']));
    expect(binding).toBe(expected.toString('base64url'));
    expect(binding).toHaveLength(22);
  });
});

it('no text of a client passes for a sealed one, and every sealed one does', () => {
  for (let code = 0x21; code <= 0x7e; code++) expect(isSealed(String.fromCharCode(code))).toBe(false);
  expect(isSealed(sealId(keys, 'a'))).toBe(true);
  expect(isSealed(sealToken(keys, 'a'))).toBe(true);
});

describe('a later data key', () => {
  const laterKey = randomBytes(32);
  const later = deriveKeys(laterKey, 2);
  const derivedLater = (use: string): Buffer => blake2b(32, laterKey, Buffer.from(use));
  const account = '05'.padEnd(66, 'ab');
  const MARKS = [' ', ' ,', ' +', ' *', ' )', ' (', " '", ' &', ' %', ' $', ' #', ' "', ' !'];
  const generations = MARKS.map((mark, index): [number, string] => [index + 1, mark]);

  it('seals the form that the key before it gave an id', () => {
    const former = sealId(keys, 'a');
    const expected = ` ,${blake2b(32, derivedLater('session-push id'), Buffer.from(former)).toString('base64url')}`;
    expect(sealId(later, former)).toBe(expected);
    expect(expected).toHaveLength(45);
  });

  it('seals tokens and accounts themselves, which fit their columns', () => {
    const nonce = blake2b(24, derivedLater('session-push token nonce'), Buffer.from('token'));
    const ciphertext = xchacha20poly1305(derivedLater('session-push token'), nonce, Buffer.from('token'));
    expect(sealToken(later, 'token')).toBe(` ,${Buffer.concat([nonce, ciphertext]).toString('base64url')}`);
    expect(sealToken(later, 'T'.repeat(1024))).toHaveLength(1421);
    const sealed = sealAccount(later, account);
    expect(sealed).toBe(` ,${sealAccount(deriveKeys(laterKey), account).slice(1)}`);
    expect(sealed).toHaveLength(100);
    expect([openToken(later, sealToken(later, 'token')), openAccount(later, sealed)]).toEqual(['token', account]);
  });

  it('opens only what has its mark', () => {
    const same = deriveKeys(dataKey, 2);
    expect(openToken(same, sealToken(keys, 'token'))).toBeNull();
    expect(openToken(keys, sealToken(same, 'token'))).toBeNull();
    expect(openAccount(same, sealAccount(keys, account))).toBeNull();
  });

  it.each(generations)('number %i marks what it seals with %j', (generation, mark) => {
    const [id, token] = [sealId(deriveKeys(dataKey, generation), 'a'), sealToken(deriveKeys(dataKey, generation), 'a')];
    expect([id, token]).toEqual([mark + sealId(keys, 'a').slice(1), mark + sealToken(keys, 'a').slice(1)]);
    expect([id, token].map(generationOf)).toEqual([generation, generation]);
    expect([id, token].map(isSealed)).toEqual([true, true]);
  });

  it('seals what comes bytewise before all that earlier ones sealed, and that before what is plain', () => {
    expect(MARKS).toHaveLength(MAX_DATA_KEYS);
    const ofEach = generations.map(([generation, mark]) => [`${mark}-`, `${mark}zz`, endOfGeneration(generation)]);
    const sorted = ['!', ...ofEach.flat()]
      .map((text) => Buffer.from(text))
      .toSorted((one, other) => one.compare(other));
    expect(sorted.map(String)).toEqual([...ofEach.toReversed().flat(), '!']);
  });

  it.each(['a', '', '!', '-'])('has not sealed %j', (text) => expect(generationOf(text)).toBe(0));

  it.each([' ', ' -', ' A', ' _', ' ~'])('is not the one of %j, which is the first', (text) => {
    expect(generationOf(text)).toBe(1);
  });

  it('marks what is damaged, which nobody can open after that either', () => {
    expect(markDamaged(later, ' damaged')).toBe(' ,damaged');
    expect(markDamaged(deriveKeys(dataKey, 3), ' ,damaged')).toBe(' +damaged');
    expect(openToken(later, ' ,damaged')).toBeNull();
  });

  it('has a check of its own, which depends on all keys before it and tells how many they are', () => {
    const [first, second] = [keyCheckOf([dataKey]), keyCheckOf([dataKey, laterKey])];
    expect(second).toBe(`2:${derivedLater(`session-push check of bound rows ${first}`).toString('base64url')}`);
    const thirdKey = randomBytes(32);
    const third = blake2b(32, thirdKey, Buffer.from(`session-push check of bound rows ${second}`)).toString(
      'base64url',
    );
    expect(keyCheckOf([dataKey, laterKey, thirdKey])).toBe(`3:${third}`);
    expect(keyCheckOf([randomBytes(32), laterKey])).not.toBe(second);
    const former = formerKeyCheckOf([dataKey]);
    const formerSecond = `2:${derivedLater(`session-push check ${former}`).toString('base64url')}`;
    expect(formerKeyCheckOf([dataKey, laterKey])).toBe(formerSecond);
    expect([first, second, `13:${third}`].map(generationOfCheck)).toEqual([1, 2, 13]);
  });
});
