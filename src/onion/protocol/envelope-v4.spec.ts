import { describe, expect, it } from 'vitest';
import vectors from '../../../test/vectors/onion-vectors.json' with { type: 'json' };
import { encodeStringList } from '../../encoding/bencode.js';
import { Channel } from './channel.js';
import { type EncType } from './ciphers.js';
import { resultJson } from './envelope.js';
import { envelopeV4 } from './envelope-v4.js';
import { generateKeyPair, importKeyPair } from './key-agreement.js';
import { encodeOuterBody, parseOuterBody } from './outer-body.js';

const fromHex = (text: string) => Buffer.from(text, 'hex');
const server = importKeyPair(fromHex(vectors.keys.server_sec_hex));
const known = vectors.http.filter(({ path }) => path === '/oxen/v4/lsrpc');
const opened = known.filter(({ enc_type_effective }) => enc_type_effective !== 'aes-cbc');
const cbc = known.filter(({ enc_type_effective }) => enc_type_effective === 'aes-cbc');

const client = generateKeyPair();
function seal(payload: Buffer | string, outer: object = {}, encType: EncType = 'aes-gcm'): Buffer {
  const channel = Channel.ofClient(client, server.publicKey, encType);
  if (!channel) throw new Error('no channel');
  return encodeOuterBody(channel.seal(Buffer.from(payload)), {
    ephemeral_key: client.publicKey.toString('hex'),
    ...outer,
  });
}
const open = (payload: Buffer | string, outer?: object, encType?: EncType) =>
  envelopeV4.open(server, seal(payload, outer, encType));

describe('known answers of version 4', () => {
  it('has requests for both ciphers and for refused ones', () => {
    expect(opened.length).toBeGreaterThanOrEqual(9);
    expect(cbc.length).toBe(2);
  });

  it.each(opened)('answers "$name" with exactly the expected bytes', (vector) => {
    const result = envelopeV4.open(server, Buffer.from(vector.request_body_b64, 'base64'));
    if (result.kind !== 'request') throw new Error(result.reason);
    expect(`/${result.endpoint}`).toBe(/"endpoint":"([^"]*)"/.exec(vector.payload_utf8)?.[1]);
    if (result.body.kind !== 'json') throw new Error(result.body.kind);
    expect(vector.payload_utf8).toContain(JSON.stringify(Object.values(result.body.value ?? {})[0]));
    const reply = envelopeV4.sealReply(result.channel, 200, resultJson(1, 'Success'), fromHex(vector.reply_nonce_hex));
    expect(reply.toString('base64')).toBe(vector.reply_http_body_b64);
  });

  it.each(cbc)('refuses "$name"', (vector) => {
    expect(envelopeV4.open(server, Buffer.from(vector.request_body_b64, 'base64'))).toEqual({
      kind: 'refused',
      reason: 'enc-type',
    });
  });

  it.each(['client_eph_pub_hex', 'client_eph_pub_b64'] as const)('takes the key spelled as %s', (spelling) => {
    const outer = parseOuterBody(Buffer.from(opened[0]?.request_body_b64 ?? '', 'base64'));
    if (!outer) throw new Error('no request');
    const body = encodeOuterBody(outer.ciphertext, { ...outer.fields, ephemeral_key: vectors.keys[spelling] });
    expect(envelopeV4.open(server, body).kind).toBe('request');
  });
});

describe('the payload of version 4', () => {
  const metadata = '{"endpoint":"/notify"}';

  it.each([
    ['/register', 'register'],
    ['register', 'register'],
    ['//register', '/register'],
    ['/register/', 'register/'],
    ['/Register', 'Register'],
    ['/register?x=1', 'register?x=1'],
    ['', ''],
  ])('turns the endpoint %j into %j', (endpoint, expected) => {
    expect(open(encodeStringList(JSON.stringify({ endpoint }), '{}'))).toMatchObject({
      endpoint: expected,
      body: { kind: 'json', value: {} },
    });
  });

  it('takes the arguments from the body alone and the endpoint from the metadata alone', () => {
    expect(open(encodeStringList('{"endpoint":"a","token":"m"}', '{"endpoint":"b","x":1}'))).toMatchObject({
      endpoint: 'a',
      body: { kind: 'json', value: { endpoint: 'b', x: 1 } },
    });
    expect(open(encodeStringList('{}', '{"endpoint":"/register"}'))).toMatchObject({ reason: 'endpoint' });
  });

  it.each([
    ['no body', encodeStringList(metadata), { kind: 'missing' }],
    ['an empty body', encodeStringList(metadata, ''), { kind: 'missing' }],
    ['a body that is a list', encodeStringList(metadata, '[{}]'), { kind: 'json', value: [{}] }],
    ['a body that is null', encodeStringList(metadata, 'null'), { kind: 'json', value: null }],
    ['a body with a byte order mark', encodeStringList(metadata, '\ufeff{}'), { kind: 'not-json' }],
    ['a body with bytes behind its JSON', encodeStringList(metadata, '{} more'), { kind: 'not-json' }],
    [
      'a body that is not UTF-8',
      Buffer.concat([Buffer.from(`l22:${metadata}9:{"a":"`), Buffer.from([0xff]), Buffer.from('"}e')]),
      { kind: 'not-json' },
    ],
  ])('leaves %s to the command', (_name, payload, body) => {
    expect(open(payload)).toMatchObject({ kind: 'request', endpoint: 'notify', body });
  });

  it.each([
    ['no list', 'hello', 'payload'],
    ['nothing', '', 'payload'],
    ['metadata that is not JSON', encodeStringList('x', '{}'), 'payload'],
    ['metadata that is a list of pairs', encodeStringList('[["endpoint","register"]]', '{}'), 'payload'],
    ['an endpoint that is a number', encodeStringList('{"endpoint":7}', '{}'), 'endpoint'],
  ])('answers %s with a sealed refusal', (_name, payload, reason) => {
    expect(open(payload)).toMatchObject({ kind: 'unusable', reason });
  });
});

describe('what version 4 refuses to open', () => {
  const payload = encodeStringList('{"endpoint":"/notify"}', '{}');

  it.each([
    ['an absent key', { ephemeral_key: undefined }, 'ephemeral-key'],
    ['the zero key', { ephemeral_key: '00'.repeat(32) }, 'ephemeral-key'],
    ['an account id as key', { ephemeral_key: `05${'11'.repeat(32)}` }, 'ephemeral-key'],
    ['another key', { ephemeral_key: generateKeyPair().publicKey.toString('hex') }, 'undecryptable'],
    ['a cipher that was not used', { enc_type: 'xchacha20' }, 'undecryptable'],
    ['a null cipher', { enc_type: null }, 'enc-type'],
    ['an unknown cipher', { enc_type: 'AES-GCM' }, 'enc-type'],
  ])('refuses %s', (_name, outer, reason) => {
    expect(open(payload, outer)).toEqual({ kind: 'refused', reason });
  });

  it('refuses a body without a frame', () => {
    expect(envelopeV4.open(server, Buffer.alloc(3))).toEqual({ kind: 'refused', reason: 'frame' });
  });

  it('refuses an empty ciphertext', () => {
    const body = encodeOuterBody(Buffer.alloc(0), { ephemeral_key: client.publicKey.toString('hex') });
    expect(envelopeV4.open(server, body)).toEqual({ kind: 'refused', reason: 'undecryptable' });
  });

  it('opens an empty plaintext, which is none of its business, and finds no list in it', () => {
    expect(open('', { enc_type: 'xchacha20' }, 'xchacha20')).toMatchObject({ kind: 'unusable', reason: 'payload' });
  });
});
