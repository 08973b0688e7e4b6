import { Channel } from '../src/onion/protocol/channel.js';
import { encodeStringList } from '../src/encoding/bencode.js';
import { generateKeyPair } from '../src/onion/protocol/key-agreement.js';
import { ONION_PATHS, type OnionVersion, type ReplyContext, sealRequest } from '../src/onion/protocol/onion-client.js';
import { encodeOuterBody } from '../src/onion/protocol/outer-body.js';
import { hostileJson, hostileKey, hostileValue } from './hostile-values.js';
import { type Random } from './random.js';

/** One HTTP request that is well-formed as such. */
export interface HostileRequest {
  /** For the count of kinds. */
  readonly kind: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Set when the reply must be sealed. */
  readonly context?: ReplyContext;
}

const ENDPOINTS = [
  'register',
  'unregister',
  'register_legacy_groups_only',
  'subscribe_closed_group',
  'unsubscribe_closed_group',
  'notify',
];
const ARGUMENTS = ['token', 'pubKey', 'device', 'legacyGroupPublicKeys', 'closedGroupPublicKey', 'send_to', 'data'];
const OPERATORS_PATHS = ['/get_statistics_data', '/metrics', '/health/live', '/health/ready', '/statistics'];

export function hostileRequest(random: Random, serverPublicKey: Buffer): HostileRequest {
  const version: OnionVersion = random.pick(['v2', 'v4'] as const);
  const kind = random.pick(KINDS);
  const { body, context, ...rest } = kind.make(random, version, serverPublicKey);
  return { kind: kind.name, method: 'POST', path: ONION_PATHS[version], headers: {}, ...rest, body, context };
}

type Made = Pick<HostileRequest, 'body'> & Partial<HostileRequest>;
type Make = (random: Random, version: OnionVersion, serverPublicKey: Buffer) => Made;

const KINDS: readonly { name: string; make: Make }[] = [
  { name: 'altered bytes', make: (...all) => ({ body: alter(all[0], valid(...all).body) }) },
  { name: 'framing', make: (...all) => ({ body: reframe(all[0], valid(...all).body) }) },
  { name: 'outer JSON', make: outerJson },
  { name: 'keys', make: keys },
  { name: 'payload', make: payload },
  { name: 'payload', make: payload },
  { name: 'arguments', make: hostileArguments },
  { name: 'arguments', make: hostileArguments },
  { name: 'noise', make: (random) => ({ body: random.bytes(random.pick([0, 1, 3, 4, 5, 64, 2000])) }) },
  {
    name: 'large',
    make: (random) => ({ body: Buffer.alloc(random.pick([200_000, 1_048_576, 1_048_577, 1_500_000]), 97) }),
  },
  { name: 'paths and methods', make: pathsAndMethods },
];

function args(random: Random): Record<string, unknown> {
  const wanted = ARGUMENTS.filter(() => random.chance(0.7));
  return Object.fromEntries(
    wanted.map((name) => [name, random.chance(0.4) ? hostileValue(random) : `05${random.bytes(32).toString('hex')}`]),
  );
}

const valid: Make = (random, version, serverPublicKey) =>
  sealRequest({
    version,
    serverPublicKey,
    endpoint: random.pick(ENDPOINTS),
    args: args(random),
    encType: version === 'v4' ? random.pick(['xchacha20', 'aes-gcm'] as const) : 'aes-gcm',
  });

function alter(random: Random, body: Buffer): Buffer {
  const copy = Buffer.from(body);
  const at = random.integer(copy.length);
  switch (random.integer(5)) {
    case 0:
      copy.writeUInt8(copy.readUInt8(at) ^ (1 << random.integer(8)), at);
      return copy;
    case 1:
      return copy.subarray(0, at);
    case 2:
      return copy.subarray(at);
    case 3:
      return Buffer.concat([copy, random.bytes(1 + random.integer(50))]);
    default:
      return Buffer.concat([copy.subarray(0, at), random.bytes(1 + random.integer(20)), copy.subarray(at)]);
  }
}

function reframe(random: Random, body: Buffer): Buffer {
  const copy = Buffer.from(body);
  const length = copy.readUInt32LE(0);
  copy.writeUInt32LE(
    random.pick([
      0,
      1,
      27,
      28,
      length - 1,
      length + 1,
      copy.length,
      copy.length - 4,
      0x7fffffff,
      0x80000000,
      0xffffffff,
    ]),
    0,
  );
  return copy;
}

function outerJson(random: Random): Made {
  const ciphertext = random.bytes(random.pick([0, 28, 40, 300]));
  const head = Buffer.alloc(4);
  head.writeUInt32LE(ciphertext.length);
  return { body: Buffer.concat([head, ciphertext, Buffer.from(hostileJson(random))]) };
}

function keys(random: Random, _version: OnionVersion, serverPublicKey: Buffer): Made {
  const keyPair = generateKeyPair();
  const good = keyPair.publicKey.toString('hex');
  const outer = {
    ephemeral_key: hostileKey(random, good),
    ...(random.chance(0.5) ? { enc_type: random.chance(0.5) ? 'xchacha20' : hostileValue(random) } : {}),
  };
  const channel = Channel.ofClient(keyPair, serverPublicKey, 'aes-gcm');
  return { body: encodeOuterBody(channel?.seal(encodeStringList('{}', '{}')) ?? Buffer.alloc(40), outer) };
}

/** Sealed as it should be, with a content that no app would make. */
function payload(random: Random, version: OnionVersion, serverPublicKey: Buffer): Made {
  const keyPair = generateKeyPair();
  const channel = Channel.ofClient(keyPair, serverPublicKey, 'aes-gcm');
  if (!channel) throw new Error('The public key of the server is not usable.');
  const text = version === 'v2' ? payloadV2(random) : payloadV4(random);
  const body = encodeOuterBody(channel.seal(text), { ephemeral_key: keyPair.publicKey.toString('hex') });
  return { body, context: { version, channel } };
}

function payloadV2(random: Random): Buffer {
  const body = random.pick<unknown>([hostileJson(random), hostileValue(random), '{"token":"x"}']);
  const endpoint = random.pick<unknown>([random.pick(ENDPOINTS), hostileValue(random), 'constructor', '__proto__']);
  return random.chance(0.3) ? Buffer.from(hostileJson(random)) : Buffer.from(JSON.stringify({ endpoint, body }));
}

function payloadV4(random: Random): Buffer {
  const metadata = random.chance(0.5) ? `{"endpoint":"/${random.pick(ENDPOINTS)}"}` : hostileJson(random);
  const body = random.chance(0.3) ? '{"token":"x"}' : hostileJson(random);
  const list = encodeStringList(metadata, body).toString('latin1');
  const bencode = random.pick([
    list,
    list.slice(0, -1),
    `${list}e`,
    `${list}${list}`,
    `l${list}e`,
    `d${list.slice(1)}`,
    `l-1:ae`,
    'l99999999999999999999:ae',
    'l4294967296:ae',
    `l007:{"a":1}2:{}e`,
    'li1ee',
    'le',
    'l',
    '',
    `l${'0'.repeat(100_000)}1:ae`,
    'l'.repeat(50_000),
    list.replace('l', 'l '),
  ]);
  return Buffer.from(bencode, 'latin1');
}

function hostileArguments(random: Random, version: OnionVersion, serverPublicKey: Buffer): Made {
  const { body, context } = sealRequest({
    version,
    serverPublicKey,
    endpoint: random.pick([...ENDPOINTS, `/${random.pick(ENDPOINTS)}`, '', 'constructor', 'x'.repeat(5000)]),
    args: random.chance(0.3) ? hostileJson(random) : args(random),
  });
  return { body, context };
}

function pathsAndMethods(random: Random): Made {
  return {
    method: random.pick(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND', 'POST']),
    path: random.pick([
      '/',
      '//',
      '/%',
      '/%00',
      '/%ff%fe',
      '/loki/v2/lsrpc/',
      '/loki/v2/lsrpc?x=1',
      '/loki//v2/lsrpc',
      '/LOKI/v2/lsrpc',
      '/oxen/v4/lsrpc;a=b',
      '/oxen/v4/../v4/lsrpc',
      `/${'a'.repeat(random.pick([100, 5000]))}`,
      `/?${'a=b&'.repeat(1000)}`,
      '/__proto__',
      ...OPERATORS_PATHS,
    ]),
    headers: random.pick<Record<string, string>>([
      {},
      { 'content-type': 'application/json' },
      { 'content-type': 'multipart/form-data; boundary=' },
      { 'content-type': 'x'.repeat(3000) },
      { 'content-encoding': 'gzip' },
      { authorization: 'Basic ####' },
      { authorization: `Basic ${'QQ'.repeat(2000)}` },
      { authorization: 'Bearer x' },
      { accept: '*/*;q=nan', 'accept-encoding': 'identity;q=0' },
      { connection: 'upgrade', upgrade: 'websocket' },
      { 'x-http-method-override': 'DELETE', 'x-forwarded-for': "'" },
      { range: 'bytes=0-0,-1', 'if-none-match': '*' },
      { cookie: 'a'.repeat(8000) },
    ]),
    body: random.chance(0.5) ? Buffer.alloc(0) : Buffer.from(hostileJson(random)),
  };
}
