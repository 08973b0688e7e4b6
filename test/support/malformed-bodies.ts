import { randomBytes } from 'node:crypto';
import { encodeStringList } from '../../src/encoding/bencode.js';
import { Channel } from '../../src/onion/protocol/channel.js';
import { generateKeyPair } from '../../src/onion/protocol/key-agreement.js';
import { type OnionVersion, sealRequest } from '../../src/onion/protocol/onion-client.js';
import { encodeOuterBody } from '../../src/onion/protocol/outer-body.js';

interface MalformedBody {
  what: string;
  body: Buffer;
}

const withLength = (length: number, rest: Buffer): Buffer => {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(length);
  return Buffer.concat([head, rest]);
};

/** Points of low order, whose shared secret is zero whatever the private key is (RFC 7748 §6.1). */
const LOW_ORDER = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
];

/** Bodies that no key opens. */
export function malformedBodies(version: OnionVersion, serverPublicKey: Buffer): MalformedBody[] {
  const keyPair = generateKeyPair();
  const ephemeral = keyPair.publicKey.toString('hex');
  const good = (outer = {}) =>
    sealRequest({ version, serverPublicKey, endpoint: 'unregister', args: { token: 'x' }, keyPair, outer }).body;
  const sealed = randomBytes(200);
  const junk = (fields: object) => encodeOuterBody(sealed, { ...fields });
  const tampered = Buffer.from(good());
  tampered.writeUInt8(tampered.readUInt8(60) ^ 1, 60);
  const text = (json: string) => Buffer.concat([withLength(sealed.length, sealed), Buffer.from(json)]);

  const everywhere: MalformedBody[] = [
    { what: 'empty', body: Buffer.alloc(0) },
    { what: 'three bytes', body: Buffer.alloc(3) },
    { what: 'a length and nothing else', body: withLength(0, Buffer.alloc(0)) },
    { what: 'a length beyond the end', body: withLength(0xffffffff, good().subarray(4)) },
    { what: 'text', body: Buffer.from('hello world, this is not an onion request') },
    { what: 'random bytes', body: randomBytes(500) },
    { what: 'no JSON', body: text('') },
    { what: 'broken JSON', body: text('{"ephemeral_key":') },
    { what: 'bytes behind the JSON', body: text(`{"ephemeral_key":"${ephemeral}"}}`) },
    { what: 'a JSON list', body: text(`["${ephemeral}"]`) },
    { what: 'a JSON text', body: text(`"${ephemeral}"`) },
    { what: 'a JSON null', body: text('null') },
    { what: 'deep JSON', body: text('['.repeat(100_000)) },
    {
      what: 'JSON that is not UTF-8',
      body: Buffer.concat([withLength(4, Buffer.alloc(4)), Buffer.from([0xff, 0xfe])]),
    },
    { what: 'no key', body: junk({}) },
    { what: 'a null key', body: junk({ ephemeral_key: null }) },
    { what: 'an empty key', body: junk({ ephemeral_key: '' }) },
    { what: 'a key that is a number', body: junk({ ephemeral_key: 7 }) },
    { what: 'a key that is an object', body: junk({ ephemeral_key: { hex: ephemeral } }) },
    { what: 'half a key', body: junk({ ephemeral_key: ephemeral.slice(0, 32) }) },
    { what: 'a key with a prefix', body: junk({ ephemeral_key: `05${ephemeral}` }) },
    { what: 'a key that is not hex', body: junk({ ephemeral_key: 'z'.repeat(64) }) },
    ...LOW_ORDER.map((key) => ({ what: `the low order key ${key}`, body: junk({ ephemeral_key: key }) })),
  ];
  if (version === 'v2')
    return [
      ...everywhere,
      { what: 'no ciphertext', body: encodeOuterBody(Buffer.alloc(0), { ephemeral_key: ephemeral }) },
    ];

  const gcm = Channel.ofClient(keyPair, serverPublicKey, 'aes-gcm');
  return [
    ...everywhere,
    { what: 'one altered byte', body: tampered },
    {
      what: 'another key than it was sealed with',
      body: good({ ephemeral_key: generateKeyPair().publicKey.toString('hex') }),
    },
    { what: 'another cipher than it was sealed with', body: good({ enc_type: 'aes-gcm' }) },
    { what: 'AES-CBC', body: good({ enc_type: 'aes-cbc' }) },
    { what: 'CBC', body: good({ enc_type: 'cbc' }) },
    {
      what: 'a cipher in capitals',
      body: encodeOuterBody(gcm?.seal(encodeStringList('{}', '{}')) ?? sealed, {
        ephemeral_key: ephemeral,
        enc_type: 'AES-GCM',
      }),
    },
    { what: 'an empty cipher', body: good({ enc_type: '' }) },
    { what: 'a null cipher', body: good({ enc_type: null }) },
    { what: 'a cipher that is a number', body: good({ enc_type: 7 }) },
    { what: 'random bytes under a good key', body: junk({ ephemeral_key: ephemeral }) },
    { what: 'no ciphertext', body: encodeOuterBody(Buffer.alloc(0), { ephemeral_key: ephemeral }) },
    { what: 'a ciphertext shorter than a tag', body: encodeOuterBody(randomBytes(27), { ephemeral_key: ephemeral }) },
  ];
}
