import { describe, expect, it } from 'vitest';
import vectors from '../../../test/vectors/onion-vectors.json' with { type: 'json' };
import { Channel } from './channel.js';
import { type EncType } from './ciphers.js';
import { resultJson } from './envelope.js';
import { envelopeV2 } from './envelope-v2.js';
import { generateKeyPair, importKeyPair } from './key-agreement.js';
import { encodeOuterBody } from './outer-body.js';

const fromHex = (text: string) => Buffer.from(text, 'hex');
const server = importKeyPair(fromHex(vectors.keys.server_sec_hex));
const known = vectors.http.filter(({ path }) => path === '/loki/v2/lsrpc');

const client = generateKeyPair();
function seal(payload: string, outer: object = {}, encType: EncType = 'aes-gcm'): Buffer {
  const channel = Channel.ofClient(client, server.publicKey, encType);
  if (!channel) throw new Error('no channel');
  return encodeOuterBody(channel.seal(Buffer.from(payload)), {
    ephemeral_key: client.publicKey.toString('hex'),
    ...outer,
  });
}
const open = (payload: string, outer?: object, encType?: EncType) =>
  envelopeV2.open(server, seal(payload, outer, encType));
const valid = '{"endpoint":"notify","method":"POST","headers":{},"body":"{\\"send_to\\":\\"x\\"}"}';

describe('known answers of version 2', () => {
  it('has requests', () => {
    expect(known.length).toBe(3);
  });

  it.each(known)('answers "$name" with exactly the expected bytes', (vector) => {
    const result = envelopeV2.open(server, Buffer.from(vector.request_body_b64, 'base64'));
    if (result.kind !== 'request') throw new Error(result.reason);
    const payload: { endpoint: string; body: string } = JSON.parse(vector.payload_utf8);
    expect(result.endpoint).toBe(payload.endpoint);
    expect(result.body).toEqual({ kind: 'json', value: JSON.parse(payload.body) });
    const nonce = fromHex(vector.reply_nonce_hex);
    const reply = envelopeV2.sealReply(result.channel, 200, resultJson(1, 'Success'), nonce);
    expect(reply.toString('base64')).toBe(vector.reply_http_body_b64);
  });
});

describe('version 2', () => {
  it.each([
    ['as it is', {}],
    ['with the key in capitals and spaces', { ephemeral_key: client.publicKey.toString('hex').toUpperCase() + ' \n' }],
    ['whatever enc_type says', { enc_type: 'xchacha20' }],
    ['whatever a ciphertext field says', { ciphertext: 'AAAA' }],
  ])('opens a request %s', (_name, outer) => {
    expect(open(valid, outer)).toMatchObject({
      kind: 'request',
      endpoint: 'notify',
      body: { kind: 'json', value: { send_to: 'x' } },
    });
  });

  it('leaves the slash at the endpoint', () => {
    expect(open('{"endpoint":"/register","body":"{}"}')).toMatchObject({ endpoint: '/register' });
  });

  it.each([
    ['an absent key', { ephemeral_key: undefined }],
    ['an empty key', { ephemeral_key: '' }],
    ['a null key', { ephemeral_key: null }],
    ['a short key', { ephemeral_key: '00' }],
    ['a key in base64', { ephemeral_key: client.publicKey.toString('base64') }],
    ['the zero key', { ephemeral_key: '00'.repeat(32) }],
    ['a key of low order', { ephemeral_key: `01${'00'.repeat(31)}` }],
  ])('refuses %s', (_name, outer) => {
    expect(open(valid, outer)).toEqual({ kind: 'refused', reason: 'ephemeral-key' });
  });

  it.each([
    ['an empty body', Buffer.alloc(0)],
    ['JSON that is none', Buffer.from('\x01\0\0\0a{', 'latin1')],
    ['an empty ciphertext', encodeOuterBody(Buffer.alloc(0), { ephemeral_key: client.publicKey.toString('hex') })],
  ])('refuses %s', (_name, body) => {
    expect(envelopeV2.open(server, body)).toEqual({ kind: 'refused', reason: 'frame' });
  });

  it.each([
    ['one byte', encodeOuterBody(Buffer.alloc(1), { ephemeral_key: client.publicKey.toString('hex') })],
    ['a blob of XChaCha20', seal(valid, {}, 'xchacha20')],
  ])('seals its answer to %s that it cannot decrypt', (_name, body) => {
    expect(envelopeV2.open(server, body)).toMatchObject({ kind: 'unusable', reason: 'undecryptable' });
  });

  it.each([
    ['no body', '{"endpoint":"notify"}', { kind: 'missing' }],
    ['a body that is an object, not a string', '{"endpoint":"notify","body":{}}', { kind: 'missing' }],
    ['an empty body', '{"endpoint":"notify","body":""}', { kind: 'missing' }],
    ['a body that is no JSON', '{"endpoint":"notify","body":"{} more"}', { kind: 'not-json' }],
    ['a body that is a list', '{"endpoint":"notify","body":"[{}]"}', { kind: 'json', value: [{}] }],
    ['a null body', '{"endpoint":"notify","body":"null"}', { kind: 'json', value: null }],
  ])('leaves %s to the command', (_name, payload, body) => {
    expect(open(payload)).toMatchObject({ kind: 'request', endpoint: 'notify', body });
  });

  it.each([
    ['text', 'hello', 'payload'],
    ['a list', '[]', 'payload'],
    ['no endpoint', '{"body":"{}"}', 'endpoint'],
    ['an endpoint in the body only', '{"body":"{\\"endpoint\\":\\"register\\"}"}', 'endpoint'],
  ])('answers %s with a sealed refusal', (_name, payload, reason) => {
    expect(open(payload)).toMatchObject({ kind: 'unusable', reason });
  });
});
