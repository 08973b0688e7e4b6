/** ZMTP 3.1 (RFC 23 and 37 of the ZeroMQ project): the greeting, and the frames that follow it. */

export const MECHANISMS = ['CURVE', 'NULL'] as const;
export type Mechanism = (typeof MECHANISMS)[number];

/** Why the other side's bytes are refused. Each ends the connection. */
export type StreamFault =
  /** Its first bytes are no greeting of ZMTP 3. */
  | 'not-zmtp'
  /** It speaks another security mechanism. */
  | 'other-mechanism'
  /** A frame or a message is longer than allowed, or a message has too many parts. */
  | 'too-large'
  /** A frame or a command that the protocol does not have, or not at this place. */
  | 'bad-frame'
  /** What is sealed does not open. */
  | 'bad-box'
  /** It turned us down with an ERROR command. */
  | 'refused';

export const GREETING_BYTES = 64;
const SIGNATURE_BYTES = 10;
const MECHANISM_AT = 12;
const MECHANISM_BYTES = 20;
const MAJOR_AT = 10;
const MAJOR = 3;
const MINOR = 1;

/**
 * The client's greeting, 64 bytes: `ff`, 8 bytes of zero, `7f`, version 3.1, the mechanism's name padded with zeros to 20
 * bytes, as-server 0, 31 zeros.
 */
export function encodeGreeting(mechanism: Mechanism): Buffer {
  const greeting = Buffer.alloc(GREETING_BYTES);
  greeting[0] = 0xff;
  greeting[SIGNATURE_BYTES - 1] = 0x7f;
  greeting[MAJOR_AT] = MAJOR;
  greeting[MAJOR_AT + 1] = MINOR;
  greeting.write(mechanism, MECHANISM_AT, 'latin1');
  return greeting;
}

/**
 * Looks at the other side's greeting as far as it is there; null = nothing wrong with it. The 8 bytes after the first may
 * be anything (libzmq puts a length there), as may the minor version.
 *
 * @param greeting up to 64 bytes
 */
export function faultOfGreeting(greeting: Buffer, mechanism: Mechanism): StreamFault | null {
  const [first] = greeting;
  if (first !== undefined && first !== 0xff) return 'not-zmtp';
  const signatureEnd = greeting[SIGNATURE_BYTES - 1];
  if (signatureEnd !== undefined && signatureEnd !== 0x7f) return 'not-zmtp';
  const major = greeting[MAJOR_AT];
  if (major !== undefined && major < MAJOR) return 'not-zmtp';
  const named = greeting.subarray(MECHANISM_AT, MECHANISM_AT + MECHANISM_BYTES);
  const expected = encodeGreeting(mechanism).subarray(MECHANISM_AT, MECHANISM_AT + named.length);
  return named.equals(expected) ? null : 'other-mechanism';
}

export interface Frame {
  readonly more: boolean;
  readonly command: boolean;
  readonly body: Buffer;
}

const MORE = 1;
const LONG = 2;
const COMMAND = 4;
const SHORT_HEADER_BYTES = 2;
const LONG_HEADER_BYTES = 9;
const MAX_SHORT_BODY = 255;

/** One frame: flags (1 more, 2 long, 4 command), the body's length (1 byte, or 8 bytes big-endian when long), the body. */
export function encodeFrame({ more, command, body }: Frame): Buffer {
  const isLong = body.length > MAX_SHORT_BODY;
  const header = Buffer.alloc(isLong ? LONG_HEADER_BYTES : SHORT_HEADER_BYTES);
  header[0] = (more ? MORE : 0) | (isLong ? LONG : 0) | (command ? COMMAND : 0);
  if (isLong) header.writeBigUInt64BE(BigInt(body.length), 1);
  else header[1] = body.length;
  return Buffer.concat([header, body]);
}

/** A body that is on its way is collected in a buffer that begins at this size and grows as bytes come. */
const FIRST_BODY_BUFFER = 4096;

/**
 * Takes the stream apart into frames, however it was cut on its way.
 *
 * A frame's length is judged before anything is set aside for it, and then only what has arrived takes memory. A body that
 * came in one piece is a view into that piece.
 */
export class FrameDecoder {
  private header = Buffer.alloc(0);
  /** The frame that is being received; null = its header is not whole yet. */
  private flags: number | null = null;
  private length = 0;
  private body = Buffer.alloc(0);
  private filled = 0;

  /** True while a frame has begun and is not whole. */
  get isAmidFrame(): boolean {
    return this.header.length > 0 || this.flags !== null;
  }

  /**
   * The frames that are whole with these bytes, one after the other, and a fault as the last when there is one. Nothing
   * must be given to it after a fault.
   *
   * @param maxBody is asked at each frame: the longest body that may come now
   */
  *receive(chunk: Buffer, maxBody: () => number): Generator<Frame | StreamFault, void> {
    let rest = chunk;
    for (;;) {
      if (this.flags === null) {
        rest = this.takeHeader(rest);
        if (this.header.length === 0) return;
        const fault = this.readHeader(maxBody());
        if (fault) return yield fault;
        if (this.flags === null) return;
      }
      const available = rest.subarray(0, this.length - this.filled);
      rest = rest.subarray(available.length);
      const body = this.takeBody(available);
      if (body === null) return;
      const flags: number = this.flags;
      this.flags = null;
      yield { more: (flags & MORE) !== 0, command: (flags & COMMAND) !== 0, body };
    }
  }

  private takeHeader(chunk: Buffer): Buffer {
    const [flags = chunk[0]] = this.header;
    if (flags === undefined) return chunk;
    const wanted = ((flags & LONG) === 0 ? SHORT_HEADER_BYTES : LONG_HEADER_BYTES) - this.header.length;
    this.header = Buffer.concat([this.header, chunk.subarray(0, wanted)]);
    return chunk.subarray(wanted);
  }

  private readHeader(maxBody: number): StreamFault | null {
    const flags = this.header.readUInt8(0);
    const isLong = (flags & LONG) !== 0;
    // A command is one frame; the other bits are reserved.
    if (flags > (MORE | LONG | COMMAND) || ((flags & COMMAND) !== 0 && (flags & MORE) !== 0)) return 'bad-frame';
    if (this.header.length < (isLong ? LONG_HEADER_BYTES : SHORT_HEADER_BYTES)) return null;
    const length = isLong ? Number(this.header.readBigUInt64BE(1)) : this.header.readUInt8(1);
    if (length > maxBody) return 'too-large';
    this.header = Buffer.alloc(0);
    this.flags = flags;
    this.length = length;
    this.filled = 0;
    return null;
  }

  /** The body when it is whole. */
  private takeBody(bytes: Buffer): Buffer | null {
    if (this.filled === 0 && bytes.length === this.length) return bytes;
    if (this.filled === 0) this.body = Buffer.alloc(0);
    if (this.filled + bytes.length > this.body.length) this.grow(this.filled + bytes.length);
    bytes.copy(this.body, this.filled);
    this.filled += bytes.length;
    if (this.filled < this.length) return null;
    const whole = this.body.subarray(0, this.length);
    this.body = Buffer.alloc(0);
    return whole;
  }

  private grow(needed: number): void {
    const size = Math.min(this.length, Math.max(needed, FIRST_BODY_BUFFER, this.body.length * 2));
    const larger = Buffer.allocUnsafeSlow(size);
    this.body.copy(larger, 0, 0, this.filled);
    this.body = larger;
  }
}

/** A command's body: the length of its name in one byte, the name, the data. */
export function encodeCommand(name: string, ...data: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name, 'latin1'), ...data]);
}

/** What {@link encodeCommand} wrote; null = the name is empty or not all there. */
export function decodeCommand(body: Buffer): { name: string; data: Buffer } | null {
  const [length = 0] = body;
  if (length === 0 || body.length <= length) return null;
  return { name: body.toString('latin1', 1, 1 + length), data: body.subarray(1 + length) };
}

/** The handshake's properties: name length (1 byte), name, value length (4 bytes, big-endian), value. */
export function encodeMetadata(properties: Readonly<Record<string, Uint8Array>>): Buffer {
  return Buffer.concat(
    Object.entries(properties).flatMap(([name, value]) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(value.length);
      return [encodeCommand(name), length, value];
    }),
  );
}

/** True for any number of properties that are all there. What they say does not matter to us. */
export function isMetadata(bytes: Buffer): boolean {
  let rest = bytes;
  while (rest.length > 0) {
    const [nameLength = 0] = rest;
    const valueAt = 1 + nameLength + 4;
    if (nameLength === 0 || rest.length < valueAt) return false;
    const end = valueAt + rest.readUInt32BE(1 + nameLength);
    if (rest.length < end) return false;
    rest = rest.subarray(end);
  }
  return true;
}

/** A DEALER, and the id by which a ROUTER shall know it. */
export function encodeDealer(routingId: Uint8Array): Buffer {
  return encodeMetadata({ 'Socket-Type': Buffer.from('DEALER'), Identity: routingId });
}

const PING_TTL_BYTES = 2;
const MAX_PING_CONTEXT = 16;

/** PING with a time to live of 0, which says nothing, and no context. */
export function encodePing(): Buffer {
  return encodeCommand('PING', Buffer.alloc(PING_TTL_BYTES));
}

/** The PONG that answers a PING's data (time to live, 2 bytes, then up to 16 bytes of context); null = it is no PING. */
export function pongFor(data: Buffer): Buffer | null {
  if (data.length < PING_TTL_BYTES || data.length > PING_TTL_BYTES + MAX_PING_CONTEXT) return null;
  return encodeCommand('PONG', data.subarray(PING_TTL_BYTES));
}
