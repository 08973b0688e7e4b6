import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeCommand,
  encodeCommand,
  encodeDealer,
  encodeFrame,
  encodeGreeting,
  encodeMetadata,
  encodePing,
  faultOfGreeting,
  type Frame,
  FrameDecoder,
  isMetadata,
  pongFor,
  type StreamFault,
} from './zmtp.protocol.js';

const hex = (text: string) => Buffer.from(text, 'hex');

describe('the greeting', () => {
  it('is 64 bytes: signature, version 3.1, mechanism, client', () => {
    expect(encodeGreeting('CURVE').toString('hex')).toBe(
      `ff00000000000000007f03014355525645${'00'.repeat(15)}00${'00'.repeat(31)}`,
    );
  });

  it('is taken with any length in the signature and any minor version, whole or in part', () => {
    const greeting = Buffer.concat([hex('ff00000000000000017f0305'), encodeGreeting('NULL').subarray(12)]);
    for (let length = 0; length <= 64; length++)
      expect(faultOfGreeting(greeting.subarray(0, length), 'NULL')).toBeNull();
  });

  it.each<[string, string, StreamFault]>([
    ['another protocol at its first byte', '48', 'not-zmtp'],
    ['a signature that does not end', 'ff000000000000000000', 'not-zmtp'],
    ['version 2', 'ff00000000000000007f02', 'not-zmtp'],
    ['another mechanism at its first letter', 'ff00000000000000007f03014e', 'other-mechanism'],
    ['a mechanism whose name is longer', 'ff00000000000000007f0301435552564558', 'other-mechanism'],
  ])('is refused for %s', (_name, bytes, fault) => {
    expect(faultOfGreeting(hex(bytes), 'CURVE')).toBe(fault);
  });
});

/** Gives the bytes to a decoder piece by piece. */
function decode(pieces: Buffer[], maxBody = 1_000_000): (Frame | StreamFault)[] {
  const decoder = new FrameDecoder();
  const decoded: (Frame | StreamFault)[] = [];
  for (const piece of pieces) {
    if (typeof decoded.at(-1) === 'string') break;
    decoded.push(...decoder.receive(piece, () => maxBody));
  }
  return decoded;
}

function cut(bytes: Buffer, at: number[]): Buffer[] {
  const edges = [0, ...at.map((edge) => edge % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return edges.slice(1).map((end, index) => bytes.subarray(edges[index], end));
}

const frames = fc.array(
  fc
    .record({
      more: fc.boolean(),
      command: fc.boolean(),
      body: fc
        .oneof(fc.uint8Array({ maxLength: 8 }), fc.uint8Array({ minLength: 250, maxLength: 6000, size: 'max' }))
        .map((bytes) => Buffer.from(bytes)),
    })
    .map((frame) => ({ ...frame, more: frame.more && !frame.command })),
  { maxLength: 6 },
);

describe('frames', () => {
  it('have a length of one byte up to 255, of eight above', () => {
    expect(encodeFrame({ more: true, command: false, body: Buffer.alloc(255, 1) }).subarray(0, 3)).toEqual(
      hex('01ff01'),
    );
    expect(encodeFrame({ more: false, command: true, body: Buffer.alloc(256, 1) }).subarray(0, 10)).toEqual(
      hex('06000000000000010001'),
    );
  });

  it('are the same however the stream is cut', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(), { maxLength: 12 }), (sent, edges) => {
        expect(decode(cut(Buffer.concat(sent.map(encodeFrame)), edges))).toEqual(sent);
      }),
    );
  });

  it('are the same when every byte comes alone', () => {
    const sent = [0, 1, 255, 256, 9000].map((length) => ({
      more: true,
      command: false,
      body: Buffer.alloc(length, 7),
    }));
    expect(decode([...Buffer.concat(sent.map(encodeFrame))].map((byte) => Buffer.from([byte])))).toEqual(sent);
  });

  it('take no memory for what was announced and did not come', () => {
    const before = process.memoryUsage().arrayBuffers;
    const decoders = Array.from({ length: 50 }, () => new FrameDecoder());
    for (const decoder of decoders)
      expect([...decoder.receive(hex('0200000000009fffff00'), () => 10_485_760)]).toEqual([]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50 * 100_000);
  });

  it('of which one has begun are told from none', () => {
    const decoder = new FrameDecoder();
    const states = [...encodeFrame({ more: false, command: false, body: hex('0102') })].map((byte) => {
      const whole = [...decoder.receive(Buffer.from([byte]), () => 10)];
      return [decoder.isAmidFrame, whole.length];
    });
    expect(states).toEqual([[true, 0], [true, 0], [true, 0], [false, 1]]); // prettier-ignore
  });

  it.each<[string, string, StreamFault]>([
    ['longer than allowed', '0005', 'too-large'],
    ['longer than allowed, with a long length', '020000000000000005', 'too-large'],
    ['longer than anything', '02ffffffffffffffff', 'too-large'],
    ['of reserved flags', '08', 'bad-frame'],
    ['a command in several parts', '05', 'bad-frame'],
  ])('are refused when they are %s, before they are there', (_name, bytes, fault) => {
    expect(decode([hex(bytes)], 4)).toEqual([fault]);
    expect(decode([hex('000161'), ...cut(hex(bytes), [1])], 4)).toEqual([
      { more: false, command: false, body: hex('61') },
      fault,
    ]);
  });
});

describe('commands', () => {
  it('have a name and data', () => {
    expect(encodeCommand('PONG', hex('01')).toString('hex')).toBe('04504f4e4701');
    expect(decodeCommand(hex('04504f4e4701'))).toEqual({ name: 'PONG', data: hex('01') });
    expect(decodeCommand(hex('04504f4e47'))).toEqual({ name: 'PONG', data: hex('') });
  });

  it.each(['', '00', '0050', '0450'])('without a whole name are refused: %s', (bytes) => {
    expect(decodeCommand(hex(bytes))).toBeNull();
  });
});

describe('metadata', () => {
  it('says that we are a DEALER and under which id', () => {
    expect(encodeDealer(hex('4c01')).toString('latin1')).toBe(
      '\x0bSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\x02L\x01',
    );
  });

  it('may say anything that is all there', () => {
    const whole = encodeMetadata({ a: hex('0102'), bc: hex('') });
    expect(isMetadata(whole)).toBe(true);
    expect(isMetadata(hex(''))).toBe(true);
    for (let length = 1; length < whole.length; length++)
      expect(isMetadata(whole.subarray(0, length))).toBe(length === encodeMetadata({ a: hex('0102') }).length);
    expect(isMetadata(hex('000000000000'))).toBe(false);
  });
});

describe('PING and PONG', () => {
  it('a PING has no time to live and no context', () => {
    expect(encodePing().toString('hex')).toBe('0450494e470000');
  });

  it('a PONG carries the context back', () => {
    expect(pongFor(hex('000f'))).toEqual(encodeCommand('PONG'));
    expect(pongFor(hex('000fabcd'))).toEqual(encodeCommand('PONG', hex('abcd')));
  });

  it.each(['', '00', `0000${'00'.repeat(17)}`])('what is no PING has no PONG: %s', (data) => {
    expect(pongFor(hex(data))).toBeNull();
  });
});
