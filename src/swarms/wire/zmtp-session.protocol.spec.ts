import fc from 'fast-check';
import sodium from 'libsodium-wrappers';
import { describe, expect, it } from 'vitest';
import vectors from '../../../test/vectors/oxenmq-vectors.json' with { type: 'json' };
import { CurveClient, freshCurveSecrets } from './curve.protocol.js';
import { encodeCommand, encodeFrame, encodeGreeting, encodeMetadata, type StreamFault } from './zmtp.protocol.js';
import { type SessionEvent, ZmtpSession } from './zmtp-session.protocol.js';

const hex = (text: string) => Buffer.from(text, 'hex');
const LIMITS = { maxParts: 8, maxBytes: 100_000 };

const recorded = vectors.zmtp_curve_session;
const ROUTING_ID = hex(recorded.routing_id_hex);
const keys = {
  serverKey: hex(recorded.server_public_hex),
  publicKey: hex(recorded.client_public_hex),
  privateKey: hex(recorded.client_secret_hex),
};
const fresh = {
  privateKey: hex(recorded.client_ephemeral_secret_hex),
  publicKey: sodium.crypto_scalarmult_base(hex(recorded.client_ephemeral_secret_hex)),
  vouchNonce: hex(recorded.vouch_nonce_hex),
};
const nodeBytes = (stream: string[][]) =>
  Buffer.concat(stream.filter(([who]) => who === 'node').map(([, bytes = '']) => hex(bytes)));
const TAG = Buffer.from('000000000000001');

/** Plays a DEALER that answers what the node sends, and collects what it sends itself and what it was told. */
class Player {
  readonly sent: Buffer[];
  readonly events: SessionEvent[] = [];

  constructor(
    readonly session: ZmtpSession,
    private readonly onEvent: (event: SessionEvent, player: Player) => void = () => undefined,
  ) {
    this.sent = [session.open()];
  }

  receive(chunk: Buffer): void {
    for (const event of this.session.receive(chunk)) {
      if (event.kind === 'send') this.sent.push(event.bytes);
      else this.events.push(event);
      this.onEvent(event, this);
    }
  }

  get messages(): string[][] {
    return this.events.flatMap((event) =>
      event.kind === 'message' ? [event.parts.map((part) => part.toString('hex'))] : [],
    );
  }

  get fault(): StreamFault | null {
    const last = this.events.at(-1);
    return last?.kind === 'fault' ? last.fault : null;
  }
}

/** What the recorded client did, each at the time at which it did it. */
function recordedClient(): Player {
  const script = [
    (session: ZmtpSession) => session.message([Buffer.from('HI')]),
    (session: ZmtpSession) => session.message([Buffer.from('lab.echo'), TAG, Buffer.from('a'), Buffer.alloc(0)]),
    (session: ZmtpSession) => session.ping(),
  ];
  return new Player(new ZmtpSession({ keys, fresh }, ROUTING_ID, LIMITS), (event, player) => {
    if (event.kind !== 'ready' && event.kind !== 'message') return;
    const next = script.shift();
    if (next) player.sent.push(next(player.session));
  });
}

function cut(bytes: Buffer, edges: number[]): Buffer[] {
  const all = [0, ...edges.map((edge) => edge % bytes.length).toSorted((a, b) => a - b), bytes.length];
  return all.slice(1).map((end, index) => bytes.subarray(all[index], end));
}

/** Where the frames after the handshake begin. */
function messageFlagsAt(bytes: Buffer): number[] {
  const starts: number[] = [];
  for (let at = 64; at < bytes.length; at += 2 + bytes.readUInt8(at + 1)) starts.push(at);
  return starts.slice(2);
}

describe('a session with CURVE', () => {
  it('is the recorded one, byte for byte', () => {
    const player = recordedClient();
    for (const [who, bytes = ''] of recorded.stream) if (who === 'node') player.receive(hex(bytes));
    const client = recorded.stream.filter(([who]) => who === 'client').map(([, bytes]) => bytes);
    expect(player.sent.map((bytes) => bytes.toString('hex'))).toEqual(client);
    expect(player.messages).toEqual(recorded.application_frames_received);
    expect(player.events.map(({ kind }) => kind)).toEqual(['ready', 'message', 'message', 'pong']);
  });

  it('is the recorded one however the stream is cut', () => {
    const client = recorded.stream
      .filter(([who]) => who === 'client')
      .map(([, bytes]) => bytes)
      .join('');
    const bytes = nodeBytes(recorded.stream);
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 20 }), (edges) => {
        const player = recordedClient();
        for (const piece of cut(bytes, edges)) player.receive(piece);
        expect(Buffer.concat(player.sent).toString('hex')).toBe(client);
        expect(player.messages).toEqual(recorded.application_frames_received);
      }),
      { numRuns: 40 },
    );
  });

  it('does not take any single bit of it changed', () => {
    const bytes = nodeBytes(recorded.stream);
    // The signature's filler, the minor version, and what follows the mechanism in the greeting.
    const isFree = (at: number) => (at >= 1 && at <= 8) || at === 11 || (at >= 32 && at < 64);
    // A MESSAGE may come as a command too.
    const isCommandFlag = (at: number, bit: number) => bit === 2 && messageFlagsAt(bytes).includes(at);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
        // A higher major version is fine.
        fc.pre(!isFree(at) && at !== 10 && !isCommandFlag(at, bit));
        const changed = Buffer.from(bytes);
        changed.writeUInt8(changed.readUInt8(at) ^ (1 << bit), at);
        const player = recordedClient();
        player.receive(changed);
        // A length that grew makes the decoder wait for more.
        const isWhole = player.messages.length === 2 && player.events.at(-1)?.kind === 'pong';
        expect(isWhole).toBe(false);
      }),
      { numRuns: 200 },
    );
  });

  it('does not take a recorded message twice', () => {
    const player = recordedClient();
    const bytes = nodeBytes(recorded.stream);
    player.receive(bytes);
    player.receive(bytes.subarray(-40));
    expect(player.fault).toBe('bad-box');
  });

  it('says when it is amid a message', () => {
    const player = recordedClient();
    const bytes = nodeBytes(recorded.stream);
    player.receive(bytes.subarray(0, -1));
    expect(player.session.isAmidMessage).toBe(true);
    player.receive(bytes.subarray(-1));
    expect(player.session.isAmidMessage).toBe(false);
  });
});

describe('a session without security', () => {
  it.each(vectors.zmtp_null_streams)('is the recorded one: $what', ({ what, stream }) => {
    const routingId = what.includes('with routing id') ? ROUTING_ID : Buffer.alloc(0);
    const player = new Player(new ZmtpSession(null, routingId, LIMITS), (event, { sent, session }) => {
      if (event.kind === 'ready') sent.push(session.message([Buffer.from('HI')]));
      if (event.kind === 'message' && event.parts[0]?.toString() === 'HELLO')
        sent.push(session.message([Buffer.from('ping.ping'), Buffer.from('000000000000999')]));
    });
    player.receive(nodeBytes(stream));
    const client = stream
      .filter(([who]) => who === 'client')
      .map(([, bytes]) => bytes)
      .join('');
    const sent = Buffer.concat(player.sent).toString('hex');
    // libzmq has a length in the signature, where ours has zeros.
    expect(sent.slice(20)).toBe(client.slice(20));
    expect(player.messages.at(-1)?.map((part) => hex(part).toString())).toEqual(['REPLY', '000000000000999', 'pong']);
  });
});

const frame = (body: Buffer, flags: { more?: boolean; command?: boolean } = {}) =>
  encodeFrame({ more: false, command: false, ...flags, body });
const command = (...args: Parameters<typeof encodeCommand>) => frame(encodeCommand(...args), { command: true });
const READY = command('READY', encodeMetadata({ 'Socket-Type': Buffer.from('ROUTER') }));

/** A session without security that is ready. */
function readyWithoutSecurity(limits = LIMITS): Player {
  const player = new Player(new ZmtpSession(null, Buffer.alloc(0), limits));
  player.receive(Buffer.concat([encodeGreeting('NULL'), READY]));
  expect(player.session.isReady).toBe(true);
  return player;
}

describe('what a peer without security sends', () => {
  it.each<[string, Buffer, StreamFault]>([
    ['ERROR', command('ERROR', hex('0141')), 'refused'],
    ['a READY that is cut', command('READY', hex('05')), 'bad-frame'],
    ['another command', command('HELLO'), 'bad-frame'],
    ['a message', frame(hex('41')), 'bad-frame'],
    ['a handshake of 3000 bytes', command('READY', Buffer.alloc(3000)), 'too-large'],
  ])('%s instead of READY ends it', (_name, bytes, fault) => {
    const player = new Player(new ZmtpSession(null, Buffer.alloc(0), LIMITS));
    player.receive(Buffer.concat([encodeGreeting('NULL'), bytes]));
    expect(player.fault).toBe(fault);
    player.receive(READY);
    expect(player.events).toHaveLength(1);
  });

  it.each<[string, Buffer, StreamFault]>([
    ['ERROR', command('ERROR', hex('0141')), 'refused'],
    ['a command without a name', frame(hex('00'), { command: true }), 'bad-frame'],
    ['a PING without its time', command('PING'), 'bad-frame'],
    ['nine parts', Buffer.concat(Array.from({ length: 9 }, () => frame(hex(''), { more: true }))), 'too-large'],
    ['parts that are too much together', Buffer.concat([frame(Buffer.alloc(60_000), { more: true }), frame(Buffer.alloc(60_000))]), 'too-large'], // prettier-ignore
    ['a part that is too much', frame(Buffer.alloc(101_000)), 'too-large'],
  ])('%s ends it', (_name, bytes, fault) => {
    const player = readyWithoutSecurity();
    player.receive(bytes);
    expect(player.fault).toBe(fault);
  });

  it('PING is answered, and a command that is unknown is passed over', () => {
    const player = readyWithoutSecurity();
    player.receive(Buffer.concat([command('PING', hex('000fab')), command('SUBSCRIBE'), command('PONG')]));
    expect(player.sent.at(-1)).toEqual(command('PONG', hex('ab')));
    expect(player.events.map(({ kind }) => kind)).toEqual(['ready', 'pong']);
  });

  it('limits may change under way', () => {
    const player = readyWithoutSecurity();
    player.session.limits = { maxParts: 8, maxBytes: 200_000 };
    player.receive(frame(Buffer.alloc(150_000)));
    expect(player.events.at(-1)?.kind).toBe('message');
  });
});

/** A node that knows what it does, and does what a spec tells it. */
class CurveNode {
  readonly pair = sodium.crypto_box_keypair();
  readonly short = sodium.crypto_box_keypair();
  shortKey: Uint8Array = this.short.publicKey;
  private clientShort: Uint8Array = new Uint8Array();
  private counter = 0;

  welcome(hello: Buffer): Buffer {
    this.clientShort = hello.subarray(2 + 6 + 2 + 72, 2 + 6 + 2 + 72 + 32);
    const rest = Buffer.alloc(16, 9);
    const content = Buffer.concat([this.shortKey, Buffer.alloc(96, 5)]);
    const nonce = Buffer.concat([Buffer.from('WELCOME-'), rest]);
    return command('WELCOME', rest, sodium.crypto_box_easy(content, nonce, this.clientShort, this.pair.privateKey));
  }

  ready(metadata = encodeMetadata({ 'Socket-Type': Buffer.from('ROUTER') })): Buffer {
    return command('READY', ...this.sealed('CurveZMQREADY---', metadata));
  }

  message(content: Buffer, flags = {}): Buffer {
    return frame(encodeCommand('MESSAGE', ...this.sealed('CurveZMQMESSAGES', content)), flags);
  }

  private sealed(prefix: string, content: Buffer): [Buffer, Uint8Array] {
    const counter = Buffer.alloc(8);
    counter.writeUInt32BE(++this.counter, 4);
    const nonce = Buffer.concat([Buffer.from(prefix), counter]);
    return [counter, sodium.crypto_box_easy(content, nonce, this.clientShort, this.short.privateKey)];
  }
}

/** A client that has sent its HELLO to the node. */
function greeted(node = new CurveNode()): { node: CurveNode; player: Player } {
  const own = sodium.crypto_box_keypair();
  const security = { keys: { serverKey: node.pair.publicKey, ...own }, fresh: freshCurveSecrets() };
  const player = new Player(new ZmtpSession(security, Buffer.from('Lid'), LIMITS));
  player.receive(encodeGreeting('CURVE'));
  return { node, player };
}

function readyWithCurve() {
  const { node, player } = greeted();
  player.receive(node.welcome(player.sent.at(-1) ?? Buffer.alloc(0)));
  player.receive(node.ready());
  expect(player.session.isReady).toBe(true);
  return { node, player };
}

describe('what a node with CURVE sends', () => {
  it.each<[string, Buffer, StreamFault]>([
    ['ERROR', command('ERROR', hex('0141')), 'refused'],
    ['a READY too early', command('READY'), 'bad-frame'],
    ['a WELCOME of another length', command('WELCOME', Buffer.alloc(159)), 'bad-frame'],
    ['a WELCOME that does not open', command('WELCOME', Buffer.alloc(160)), 'bad-box'],
    ['no command', frame(hex('41')), 'bad-frame'],
    ['a command without a name', frame(hex(''), { command: true }), 'bad-frame'],
  ])('%s instead of WELCOME ends it', (_name, bytes, fault) => {
    const { player } = greeted();
    player.receive(bytes);
    expect(player.fault).toBe(fault);
  });

  it('a short-term key of low order ends it', () => {
    const { node, player } = greeted();
    node.shortKey = new Uint8Array(32);
    player.receive(node.welcome(player.sent.at(-1) ?? Buffer.alloc(0)));
    expect(player.fault).toBe('bad-box');
  });

  it.each<[string, (node: CurveNode) => Buffer, StreamFault]>([
    ['without a counter', () => command('READY', hex('0000')), 'bad-frame'],
    ['without a box', () => command('READY', hex('0000000000000001')), 'bad-box'],
    ['that does not open', () => command('READY', hex('0000000000000001'), Buffer.alloc(40)), 'bad-box'],
    ['with metadata that is cut', (node) => node.ready(hex('05')), 'bad-frame'],
  ])('a READY %s ends it', (_name, ready, fault) => {
    const { node, player } = greeted();
    player.receive(node.welcome(player.sent.at(-1) ?? Buffer.alloc(0)));
    player.receive(ready(node));
    expect(player.fault).toBe(fault);
  });

  it.each<[string, (node: CurveNode) => Buffer, StreamFault]>([
    ['no MESSAGE', () => frame(hex('41')), 'bad-frame'],
    ['another command', () => frame(encodeCommand('READY', Buffer.alloc(40))), 'bad-frame'],
    ['a MESSAGE without a counter', () => frame(encodeCommand('MESSAGE', hex('00'))), 'bad-frame'],
    ['a MESSAGE without a box', () => frame(encodeCommand('MESSAGE', hex('00000000000000ff'))), 'bad-box'],
    ['a MESSAGE without flags', (node) => node.message(hex('')), 'bad-frame'],
    ['a MESSAGE with reserved flags', (node) => node.message(hex('04')), 'bad-frame'],
    ['a command in parts', (node) => node.message(hex('03')), 'bad-frame'],
    ['a box in parts', (node) => node.message(hex('0041'), { more: true }), 'bad-frame'],
    ['a part that is too much', (node) => node.message(Buffer.alloc(100_500)), 'too-large'],
  ])('%s ends it', (_name, bytes, fault) => {
    const { node, player } = readyWithCurve();
    player.receive(bytes(node));
    expect(player.fault).toBe(fault);
  });

  it('a PING in a box is answered in a box, and the largest message allowed is taken', () => {
    const { node, player } = readyWithCurve();
    const sent = player.sent.length;
    player.receive(node.message(Buffer.concat([hex('02'), encodeCommand('PING', hex('000f'))])));
    expect(player.sent).toHaveLength(sent + 1);
    player.receive(node.message(Buffer.alloc(100_001)));
    expect(player.events.at(-1)?.kind).toBe('message');
  });
});

describe('CurveClient', () => {
  it('does not begin with a key that is none', () => {
    const own = sodium.crypto_box_keypair();
    expect(() => new CurveClient({ serverKey: new Uint8Array(32), ...own }, freshCurveSecrets(), hex(''))).toThrow(
      'invalid usage',
    );
  });

  it('counts beyond 32 bits', () => {
    const { player } = readyWithCurve();
    const { curve } = player.session as unknown as { curve: { sent: number } };
    curve.sent = 2 ** 32 - 1;
    expect(
      player.session
        .message([Buffer.from('HI')])
        .subarray(10, 18)
        .toString('hex'),
    ).toBe('0000000100000000');
  });

  it('knows when it is ready', () => {
    const own = sodium.crypto_box_keypair();
    expect(new CurveClient({ serverKey: own.publicKey, ...own }, freshCurveSecrets(), hex('')).isReady).toBe(false);
  });
});
