import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { xchacha20poly1305 } from '../../../test/support/reference-crypto.js';
import vectors from '../../../test/vectors/onion-vectors.json' with { type: 'json' };
import { PUSH_SERVICES } from './push-service.js';
import {
  metadataJson,
  padded,
  type ReportedMessage,
  ROOM_FOR_PAYLOAD,
  seal,
  sealMessage,
} from './sealed-message.protocol.js';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

const account = vectors.spns_v2.account_id;
const encKey = randomBytes(32);
const nonce = randomBytes(24);
const message = (data: Buffer | null): ReportedMessage => ({
  account,
  hash: 'Y2hlY2tzdW1jaGVja3N1bWNoZWNrc3VtY2hlY2tzdW0',
  namespace: -10,
  timestamp: 1735689600123,
  expiry: 1736899200123,
  data,
});
const head = `{"#":"Y2hlY2tzdW1jaGVja3N1bWNoZWNrc3VtY2hlY2tzdW0","@":"${account}"`;
const tail = '"n":-10,"t":1735689600123,"z":1736899200123}';

describe('a sealed payload', () => {
  it.each(vectors.spns_v2.notification_payload)('is the known one: $name', (vector) => {
    const data = vector.body_hex === null ? null : hex(vector.body_hex);
    const plaintext = padded(vector.metadata_json, data);
    expect(plaintext).toHaveLength(vector.padded_plaintext_len);
    const payload = seal(hex(vector.enc_key_hex), plaintext, hex(vector.nonce_hex));
    expect(payload).toBe(vector.enc_payload_b64);
    expect(payload).toHaveLength(vector.enc_payload_b64_len);
  });

  it.each([
    '00112233445566778899aabbccddeeff00ffeeddccbbaa991bcba42892762dbeecbfb1a375fab4aca5f0991e99eb0344ceeafa',
    'da74ac6e96afda1c5a07d5bde1b8b1e1c05be73cb3c84112f31f00369d67154d00ff029090b069b48c3cf603d838d4ef623d54',
  ])('is what the apps open as TestMessage: %s', (known) => {
    const key = hex('0123456789abcdef0123456789abcdeffedcba9876543210fedcba9876543210');
    const payload = seal(key, Buffer.from('TestMessage'), hex(known).subarray(0, 24));
    expect(Buffer.from(payload, 'base64').toString('hex')).toBe(known);
  });

  it('has a nonce of its own each time', () => {
    const nonces = Array.from({ length: 100 }, () =>
      sealMessage(encKey, message(null), true, 4000).payload.slice(0, 32),
    );
    expect(new Set(nonces).size).toBe(100);
  });
});

describe('the plaintext', () => {
  const sealed = (...parts: string[]): string => {
    const list = `l${parts.map((part) => `${Buffer.byteLength(part, 'latin1')}:${part}`).join('')}e`;
    const plaintext = Buffer.concat([Buffer.from(list, 'latin1')], Math.ceil(list.length / 256) * 256);
    return Buffer.concat([nonce, xchacha20poly1305(encKey, nonce, plaintext)]).toString('base64');
  };

  it('holds metadata and message', () => {
    const data = randomBytes(700);
    expect(sealMessage(encKey, message(data), true, 4000, nonce)).toEqual({
      payload: sealed(`${head},"l":700,${tail}`, data.toString('latin1')),
      content: 'message',
    });
  });

  it('holds a message of no bytes', () => {
    expect(sealMessage(encKey, message(Buffer.alloc(0)), true, 4000, nonce)).toEqual({
      payload: sealed(`${head},"l":0,${tail}`, ''),
      content: 'message',
    });
  });

  it('says of a message that is too big only that, and its length', () => {
    expect(sealMessage(encKey, message(Buffer.alloc(60_000)), true, 4000, nonce)).toEqual({
      payload: sealed(`${head},"B":true,"l":60000,${tail}`),
      content: 'too-big',
    });
  });

  it.each([
    ['the subscription does not want it', Buffer.from('message'), false],
    ['it does not want one that is too big', Buffer.alloc(60_000), false],
    ['the node sent none', null, true],
  ])('has neither message nor length when %s', (_name, data, wantsData) => {
    expect(sealMessage(encKey, message(data), wantsData, 4000, nonce)).toEqual({
      payload: sealed(`${head},${tail}`),
      content: 'metadata',
    });
  });

  it('is padded to the next 256 bytes, and not beyond a size that is one', () => {
    const sizes = [240, 241, 250, 251, 252].map((bytes) => padded('x'.repeat(bytes), null).length);
    // l, three digits, a colon, e: six bytes more.
    expect(sizes).toEqual([256, 256, 256, 512, 512]);
    expect(padded('{}', null).subarray(6)).toEqual(Buffer.alloc(250));
  });

  it('quotes what a node may have put into a hash', () => {
    const json = metadataJson({ ...message(null), hash: '"\\\n' }, null, false);
    expect(json).toContain(String.raw`{"#":"\"\\\n","@"`);
  });
});

describe('a message that just fits', () => {
  it.each(PUSH_SERVICES)('is carried by %s, and one byte more is not', (service) => {
    const room = ROOM_FOR_PAYLOAD[service];
    const contentOf = (bytes: number) => sealMessage(encKey, message(Buffer.alloc(bytes)), true, room);
    let bytes = 2500;
    while (contentOf(bytes).content === 'message') bytes++;
    const [largest, next] = [contentOf(bytes - 1), contentOf(bytes)];
    expect([largest.content, next.content]).toEqual(['message', 'too-big']);
    expect(largest.payload).toHaveLength(3808);
    expect(largest.payload.length).toBeLessThanOrEqual(room);
    // What the original server carries always fits.
    expect(bytes).toBeGreaterThan(2500);
  });

  it.each([
    [
      'apns',
      (payload: string) =>
        `{"aps":{"alert":{"title":"Session","body":"New message"},"badge":1,"sound":"default","mutable-content":1,"category":"SECRET"},"spns":"2","enc_payload":"${payload}"}`,
    ],
    ['firebase', (payload: string) => JSON.stringify({ enc_payload: payload, spns: '2' })],
    [
      'huawei',
      (payload: string) =>
        JSON.stringify({
          validate_only: false,
          message: {
            data: JSON.stringify({ enc_payload: payload, spns: '2' }),
            android: { urgency: 'NORMAL', ttl: '86400s', collapse_key: -1 },
            token: [],
          },
        }),
    ],
  ] as const)('stays below 4,096 bytes of %s when the room is used up', (service, pushOf) => {
    const bytes = pushOf('x'.repeat(ROOM_FOR_PAYLOAD[service])).length;
    expect(bytes).toBeLessThanOrEqual(4096);
    expect(bytes).toBeGreaterThan(4060);
  });
});
