import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { encodeStringList } from '../../encoding/bencode.js';
import { type EncType } from './ciphers.js';
import { type Envelope, type InnerStatus, resultJson } from './envelope.js';
import { envelopeV2 } from './envelope-v2.js';
import { envelopeV4 } from './envelope-v4.js';
import { generateKeyPair } from './key-agreement.js';
import { encodeOuterBody } from './outer-body.js';
import {
  ONION_PATHS,
  OnionReplyError,
  type OnionVersion,
  openJsonReply,
  openReply,
  sealRequest,
} from './onion-client.js';

// Hundreds of key agreements each, possibly on a busy machine.
vi.setConfig({ testTimeout: 30_000 });

const server = generateKeyPair();
const envelopes: Record<OnionVersion, Envelope> = { v2: envelopeV2, v4: envelopeV4 };
const kinds: readonly { version: OnionVersion; encType?: EncType }[] = [
  { version: 'v2' },
  { version: 'v4' },
  { version: 'v4', encType: 'aes-gcm' },
  { version: 'v4', encType: 'xchacha20' },
];
const request = (kind: (typeof kinds)[number], extra: object = {}) =>
  sealRequest({ ...kind, serverPublicKey: server.publicKey, endpoint: 'notify', args: {}, ...extra });

describe.each(kinds)('client and server with $version $encType', (kind) => {
  const envelope = envelopes[kind.version];

  it('carry arguments there and results back', () => {
    const args = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue());
    const status = fc.constantFrom<InnerStatus>(200, 400, 500, 503);
    fc.assert(
      fc.property(args, status, fc.string({ unit: 'grapheme' }), (sent, inner, message) => {
        const { path, body, context } = request(kind, { args: JSON.stringify(sent) });
        expect(path).toBe(ONION_PATHS[kind.version]);
        const opened = envelope.open(server, body);
        if (opened.kind !== 'request') throw new Error(opened.reason);
        expect(opened.endpoint).toBe('notify');
        if (opened.body.kind !== 'json') throw new Error(opened.body.kind);
        expect(JSON.stringify(opened.body.value)).toBe(JSON.stringify(JSON.parse(JSON.stringify(sent))));
        const reply = openReply(context, envelope.sealReply(opened.channel, inner, resultJson(0, message)));
        expect(reply).toEqual({ status: inner, body: { code: 0, message } });
      }),
    );
  });

  it('answer or refuse a request with any byte changed, cut off or added', () => {
    const { body } = request(kind, { args: { send_to: 'x', data: 'y' } });
    const position = fc.nat(body.length - 1);
    fc.assert(
      fc.property(position, fc.integer({ min: 1, max: 255 }), (at, change) => {
        const altered = Buffer.from(body);
        altered.writeUInt8(altered.readUInt8(at) ^ change, at);
        expect(['refused', 'unusable', 'request']).toContain(envelope.open(server, altered).kind);
        const insideCiphertext = at >= 4 && at < 4 + body.readUInt32LE(0);
        if (insideCiphertext) expect(envelope.open(server, altered)).toMatchObject({ reason: 'undecryptable' });
      }),
      { numRuns: 300 },
    );
    for (let length = 0; length < body.length; length++)
      expect(envelope.open(server, body.subarray(0, length)), `${length} bytes`).toMatchObject({ kind: 'refused' });
    expect(envelope.open(server, Buffer.concat([body, Buffer.from('x')])).kind).toBe('refused');
  });

  it('answer or refuse any payload that a client can seal', () => {
    const nearlyJson = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'binary-ascii' }),
      fc.json(),
      fc.constantFrom('null', '{}', '"{}"', '7'),
    );
    fc.assert(
      fc.property(nearlyJson, nearlyJson, (endpoint, args) => {
        const result = envelope.open(server, request(kind, { endpoint, args }).body);
        expect(['unusable', 'request']).toContain(result.kind);
      }),
    );
  });

  it('answer or refuse any bytes at all', () => {
    const anything = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes));
    const framed = fc
      .tuple(fc.uint8Array({ maxLength: 64 }), fc.json(), fc.nat(70))
      .map(([ciphertext, json, length]) =>
        Buffer.concat([Buffer.from([length, 0, 0, 0]), ciphertext, Buffer.from(json)]),
      );
    const encType = fc.oneof(fc.constantFrom('gcm', 'xchacha20', undefined), fc.jsonValue());
    const key = fc.oneof(
      fc.string({ minLength: 32, maxLength: 32 }),
      fc.constant(generateKeyPair().publicKey.toString('hex')),
    );
    const keyed = fc
      .tuple(fc.uint8Array({ maxLength: 64 }), key, encType)
      .map(([ciphertext, ephemeral_key, enc_type]) =>
        encodeOuterBody(Buffer.from(ciphertext), { ephemeral_key, enc_type }),
      );
    fc.assert(
      fc.property(fc.oneof(anything, framed, keyed), (bytes) => {
        expect(['refused', 'unusable']).toContain(envelope.open(server, bytes).kind);
      }),
      { numRuns: 500 },
    );
  });

  it('go through a body of a megabyte, good or bad, without delay', () => {
    const started = performance.now();
    const { body } = request(kind, { args: { data: 'x'.repeat(700_000) } });
    expect(envelope.open(server, body).kind).toBe('request');
    expect(envelope.open(server, Buffer.alloc(1 << 20, '[')).kind).toBe('refused');
    expect(envelope.open(server, request(kind, { args: '['.repeat(700_000) }).body)).toMatchObject({
      body: { kind: 'not-json' },
    });
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

describe('sealRequest', () => {
  it('takes a given key pair and lets further outer fields win', () => {
    const keyPair = generateKeyPair();
    const { body } = request({ version: 'v4' }, { keyPair, outer: { host: 'example.org', enc_type: 'gcm' } });
    const json: unknown = JSON.parse(body.subarray(4 + body.readUInt32LE(0)).toString());
    expect(json).toEqual({ ephemeral_key: keyPair.publicKey.toString('hex'), enc_type: 'gcm', host: 'example.org' });
  });

  it('refuses a server key of low order', () => {
    expect(() => request({ version: 'v4' }, { serverPublicKey: Buffer.alloc(32) })).toThrow(RangeError);
  });
});

describe('openReply', () => {
  const v4 = request({ version: 'v4' }).context;
  const v2 = request({ version: 'v2' }).context;
  const sealedV4 = (...parts: string[]) => v4.channel.seal(encodeStringList(...parts));
  const sealedV2 = (text: string) =>
    Buffer.from(JSON.stringify({ result: v2.channel.seal(Buffer.from(text)).toString('base64') }));
  const headers = '"headers":{"content-type":"application/json"}';

  it('opens the least that apps need', () => {
    expect(openReply(v4, sealedV4(`{"code":200,${headers}}`, '{}'))).toEqual({ status: 200, body: {} });
    expect(openReply(v2, sealedV2('{"status":200,"body":{}}'))).toEqual({ status: 200, body: {} });
  });

  it('opens a list where one is expected', () => {
    expect(openJsonReply(v4, sealedV4(`{"code":503,${headers}}`, '[{},1]'))).toEqual({ status: 503, body: [{}, 1] });
  });

  it.each([
    ['bytes of another channel', Buffer.alloc(60)],
    ['no list', v4.channel.seal(Buffer.from('{}'))],
    ['no body', sealedV4(`{"code":200,${headers}}`)],
    ['metadata that is not JSON', sealedV4('x', '{}')],
    ['no headers', sealedV4('{"code":200}', '{}')],
    ['a header that is not a string', sealedV4('{"code":200,"headers":{"x":1}}', '{}')],
    [
      'a content type with a charset',
      sealedV4('{"code":200,"headers":{"content-type":"application/json; charset=utf-8"}}', '{}'),
    ],
    ['a status in quotes', sealedV4(`{"code":"200",${headers}}`, '{}')],
    ['a status with a fraction', sealedV4(`{"code":200.5,${headers}}`, '{}')],
    ['a body that is a list', sealedV4(`{"code":200,${headers}}`, '[]')],
    ['a body that is not JSON', sealedV4(`{"code":200,${headers}}`, 'x')],
  ])('refuses %s on version 4', (_name, body) => {
    expect(() => openReply(v4, body)).toThrow(OnionReplyError);
  });

  it.each([
    ['text', Buffer.from('hello')],
    ['no result', Buffer.from('{}')],
    ['bytes of another channel', Buffer.from('{"result":"AAAA"}')],
    ['a plaintext that is not JSON', sealedV2('hello')],
    ['a body that is a string', sealedV2('{"status":200,"body":"{}"}')],
  ])('refuses %s on version 2', (_name, body) => {
    expect(() => openReply(v2, body)).toThrow(OnionReplyError);
  });
});
