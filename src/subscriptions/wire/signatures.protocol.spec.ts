import sodium from 'libsodium-wrappers';
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import vectors from '../../../test/vectors/onion-vectors.json' with { type: 'json' };
import {
  isKeyOfSessionId,
  monitorText,
  isSignedAsExpected,
  isSignedBy,
  problemOfSignature,
  type SignatureCheck,
  type Signer,
  unsubscribeText,
} from './signatures.protocol.js';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

interface Key {
  readonly secret: KeyObject;
  readonly publicKey: Buffer;
}

function newKey(): Key {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { secret: privateKey, publicKey: publicKey.export({ format: 'der', type: 'spki' }).subarray(-32) };
}

const signed = ({ secret }: Key, text: string | Buffer): Buffer => sign(null, Buffer.from(text), secret);
const sessionIdOf = ({ publicKey }: Key): Buffer =>
  Buffer.concat([hex('05'), sodium.crypto_sign_ed25519_pk_to_curve25519(publicKey)]);
const groupOf = ({ publicKey }: Key): Buffer => Buffer.concat([hex('03'), publicKey]);
const tagOf = ({ publicKey }: Key, prefix: number, flags: number): Buffer =>
  Buffer.concat([Buffer.from([prefix, flags, 0, 0]), publicKey]);

describe.each(vectors.spns_v2.subscriptions)('the known subscription of a $name', (vector) => {
  const json: {
    pubkey: string;
    session_ed25519?: string;
    subaccount?: string;
    subaccount_sig?: string;
    namespaces: number[];
    data: boolean;
    sig_ts: number;
    signature: string;
  } = vector.subscribe_json;
  const account = hex(json.pubkey);
  const signer: Signer = {
    account,
    sessionEd25519: json.session_ed25519 === undefined ? null : hex(json.session_ed25519),
    subaccount:
      json.subaccount === undefined || json.subaccount_sig === undefined
        ? null
        : { tag: hex(json.subaccount), signature: Buffer.from(json.subaccount_sig, 'base64') },
  };

  it('has the text that was signed, and its signature is good', () => {
    const text = monitorText(account, json.sig_ts, json.data, json.namespaces);
    expect(text).toBe(vector.sign_text);
    expect(problemOfSignature(text, Buffer.from(json.signature, 'base64'), signer)).toBeNull();
  });

  it('ends with the text that was signed, and that signature is good', () => {
    const text = unsubscribeText(account, json.sig_ts);
    expect(text).toBe(vector.unsubscribe_sign_text);
    expect(problemOfSignature(text, Buffer.from(vector.unsubscribe_signature_b64, 'base64'), signer)).toBeNull();
  });

  it('does not hold for another time, account, namespace or wish', () => {
    const signature = Buffer.from(json.signature, 'base64');
    const others = [
      monitorText(account, json.sig_ts + 1, json.data, json.namespaces),
      monitorText(account, json.sig_ts, !json.data, json.namespaces),
      monitorText(account, json.sig_ts, json.data, json.namespaces.slice(1)),
      monitorText(sessionIdOf(newKey()), json.sig_ts, json.data, json.namespaces),
    ];
    const expected = signer.subaccount ? 'subaccount-signature' : 'signature';
    for (const text of others) expect(problemOfSignature(text, signature, signer)).toBe(expected);
  });
});

describe('the owner’s signature', () => {
  const key = newKey();
  const text = 'MONITOR…';
  const sessionId: Signer = { account: sessionIdOf(key), sessionEd25519: key.publicKey, subaccount: null };
  const group: Signer = { account: groupOf(key), sessionEd25519: null, subaccount: null };

  it.each([
    ['a Session id', sessionId],
    ['a group', group],
    ['an account of a prefix that came later', { ...group, account: Buffer.concat([hex('15'), key.publicKey]) }],
  ])('is good for %s', (_name, signer) => {
    expect(problemOfSignature(text, signed(key, text), signer)).toBeNull();
  });

  it('is not good when somebody else made it, or any of its bits is another', () => {
    for (const signer of [sessionId, group]) {
      expect(problemOfSignature(text, signed(newKey(), text), signer)).toBe('signature');
      const signature = signed(key, text);
      for (let bit = 0; bit < 512; bit += 7) {
        const other = Buffer.from(signature);
        other.writeUInt8(other.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        expect(problemOfSignature(text, other, signer)).toBe('signature');
      }
    }
  });

  it('needs the Ed25519 key of a Session id', () => {
    const signature = signed(key, text);
    expect(problemOfSignature(text, signature, { ...sessionId, sessionEd25519: null })).toBe('session-key-missing');
    const other = newKey();
    const problem = problemOfSignature(text, signed(other, text), { ...sessionId, sessionEd25519: other.publicKey });
    expect(problem).toBe('session-key-of-another');
  });

  it('has no Ed25519 key beside a group', () => {
    const signer = { ...group, sessionEd25519: key.publicKey };
    expect(problemOfSignature(text, signed(key, text), signer)).toBe('session-key-unexpected');
  });

  it.each([
    ['the neutral point', '0100000000000000000000000000000000000000000000000000000000000000'],
    ['a point of order 2', 'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
    ['a point of order 4', '0000000000000000000000000000000000000000000000000000000000000000'],
    ['the neutral point in another spelling', 'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
  ])('is good for nobody whose key is %s', (_name, point) => {
    // With such a key anybody can sign: R is the neutral point and S is 0.
    const forged = Buffer.concat([hex('01'), Buffer.alloc(63)]);
    const signer = { ...group, account: Buffer.concat([hex('03'), hex(point)]) };
    expect(problemOfSignature(text, forged, signer)).toBe('signature');
  });
});

describe('a signature that is expected to be good', () => {
  const forged = (r: string) => Buffer.concat([hex(r), Buffer.alloc(32)]);
  /** RFC 8032, section 5.1: y of the points whose order divides 8, each with both signs. */
  const smallOrder = [
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000000',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  ].flatMap((point) => [point, `${point.slice(0, 62)}${(parseInt(point.slice(62), 16) | 0x80).toString(16)}`]);
  /** y from 2^255 - 19 on. */
  const otherSpellings = Array.from({ length: 19 }, (_, index) => `${(0xed + index).toString(16)}${'ff'.repeat(30)}7f`);

  it('is good or not as any other', () => {
    for (let round = 1; round <= 100; round++) {
      const [key, message] = [newKey(), randomBytes(round)];
      const signature = signed(key, message);
      const changed = Buffer.from(signature);
      changed.writeUInt8(changed.readUInt8(round % 64) ^ (1 << (round & 7)), round % 64);
      const asked: Parameters<SignatureCheck>[] = [
        [signature, message, key.publicKey],
        [signature, message.toString('hex'), key.publicKey],
        [changed, message, key.publicKey],
        [signature, message, newKey().publicKey],
        [signature, message, randomBytes(32)],
      ];
      const answers = asked.map((arguments_) => isSignedAsExpected(...arguments_));
      expect(answers).toEqual([true, false, false, false, false]);
      expect(answers).toEqual(asked.map((arguments_) => isSignedBy(...arguments_)));
    }
  });

  it.each([...smallOrder, ...otherSpellings])('is good for nobody with a key or an R like %s', (point) => {
    for (const r of [...smallOrder, ...otherSpellings]) {
      expect(isSignedAsExpected(forged(r), 'text', hex(point))).toBe(false);
    }
    expect(isSignedAsExpected(forged(point), 'text', newKey().publicKey)).toBe(false);
  });

  it('has one S: what is the same modulo the order of the base is refused', () => {
    const key = newKey();
    const signature = signed(key, 'text');
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    const s = BigInt(`0x${Buffer.from(signature.subarray(32).toReversed()).toString('hex')}`) + order;
    const other = Buffer.from(Buffer.from(s.toString(16).padStart(64, '0'), 'hex').toReversed());
    expect(isSignedAsExpected(Buffer.concat([signature.subarray(0, 32), other]), 'text', key.publicKey)).toBe(false);
  });
});

describe('a subaccount', () => {
  const [owner, member] = [newKey(), newKey()];
  const text = 'MONITOR…';
  const of = (tag: Buffer, account = groupOf(owner), by = owner): Signer => ({
    account,
    sessionEd25519: account[0] === 5 ? owner.publicKey : null,
    subaccount: { tag, signature: signed(by, tag) },
  });
  const problem = (signer: Signer, by = member) => problemOfSignature(text, signed(by, text), signer);

  it.each([
    ['reads', 0x03, 0x01],
    ['does everything', 0x03, 0x0f],
    ['is for any prefix', 0xff, 0x09],
  ])('signs for a group when it %s', (_name, prefix, flags) => {
    expect(problem(of(tagOf(member, prefix, flags)))).toBeNull();
  });

  it('signs for a Session id, whose owner authorized it with the Ed25519 key', () => {
    expect(problem(of(tagOf(member, 0x05, 0x01), sessionIdOf(owner)))).toBeNull();
  });

  it.each([0x00, 0x02, 0x04, 0x06, 0x08, 0x0e])('is refused without the right to read: flags %i', (flags) => {
    expect(problem(of(tagOf(member, 0x03, flags)))).toBe('subaccount-without-read');
  });

  it('is refused when it is for another prefix', () => {
    expect(problem(of(tagOf(member, 0x05, 0x07)))).toBe('subaccount-of-another-prefix');
  });

  it('is refused when the owner did not sign it', () => {
    const tag = tagOf(member, 0x03, 0x01);
    expect(problem(of(tag, groupOf(owner), member))).toBe('subaccount-not-authorized');
    const moreRights = of(tag).subaccount;
    const signer = { ...of(tag), subaccount: { tag: tagOf(member, 0x03, 0x03), signature: moreRights?.signature } };
    expect(problem(signer as Signer)).toBe('subaccount-not-authorized');
  });

  it('signs itself: the owner does not sign for it', () => {
    expect(problem(of(tagOf(member, 0x03, 0x01)), owner)).toBe('subaccount-signature');
  });

  it('is refused for a Session id without its key', () => {
    const signer = { ...of(tagOf(member, 0x05, 0x01), sessionIdOf(owner)), sessionEd25519: null };
    expect(problem(signer)).toBe('session-key-missing');
  });
});

describe('the Ed25519 key of a Session id', () => {
  it('is known by its conversion', () => {
    for (let round = 0; round < 200; round++) {
      const key = newKey();
      expect(isKeyOfSessionId(key.publicKey, sessionIdOf(key))).toBe(true);
      expect(isKeyOfSessionId(newKey().publicKey, sessionIdOf(key))).toBe(false);
      const other = sessionIdOf(key);
      other.writeUInt8(other.readUInt8(5) ^ 1, 5);
      expect(isKeyOfSessionId(key.publicKey, other)).toBe(false);
    }
  });

  it('may be the one with the other sign, whose owner is the same', () => {
    const key = newKey();
    const other = Buffer.from(key.publicKey);
    other.writeUInt8(other.readUInt8(31) ^ 0x80, 31);
    expect(sodium.crypto_sign_ed25519_pk_to_curve25519(other)).toEqual(
      sodium.crypto_sign_ed25519_pk_to_curve25519(key.publicKey),
    );
    expect(isKeyOfSessionId(other, sessionIdOf(key))).toBe(true);
  });

  it.each([
    ['an id that is not below the prime', 'ee'.padEnd(62, 'f') + '7f', '01'.padEnd(64, '0')],
    ['the prime itself as an id', 'ed'.padEnd(62, 'f') + '7f', 'ec'.padEnd(62, 'f') + '7f'],
    ['a key that is not below the prime', '01'.padEnd(64, '0'), 'ed'.padEnd(62, 'f') + '7f'],
    ['y = 1, which has no u', '00'.padEnd(64, '0'), '01'.padEnd(64, '0')],
    ['random bytes', randomBytes(32).toString('hex'), randomBytes(32).toString('hex')],
  ])('is never %s', (_name, id, key) => {
    expect(isKeyOfSessionId(hex(key), hex(`05${id}`))).toBe(false);
  });
});
