import { CurveClient, type CurveKeys, type CurveSecrets, MESSAGE_OVERHEAD_BYTES } from './curve.protocol.js';
import {
  decodeCommand,
  encodeCommand,
  encodeDealer,
  encodeFrame,
  encodeGreeting,
  encodePing,
  faultOfGreeting,
  type Frame,
  FrameDecoder,
  GREETING_BYTES,
  isMetadata,
  pongFor,
  type StreamFault,
} from './zmtp.protocol.js';

/** Sealed with these keys, or with null open, as a listener without keys has it. */
export type SessionSecurity = { readonly keys: CurveKeys; readonly fresh: CurveSecrets } | null;

export interface MessageLimits {
  readonly maxParts: number;
  /** Of all parts of a message together, and of a frame. */
  readonly maxBytes: number;
}

export type SessionEvent =
  /** Bytes for the other side. */
  | { readonly kind: 'send'; readonly bytes: Buffer }
  /** The handshake is over: messages may be sent. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'message'; readonly parts: Buffer[] }
  | { readonly kind: 'pong' }
  /** The connection is of no use any more, and nothing else will come. */
  | { readonly kind: 'fault'; readonly fault: StreamFault };

const HANDSHAKE_FRAME_BYTES = 2048;

/** A DEALER's side of one ZMTP connection as bytes in, events and bytes out: greeting, handshake, messages, PING and PONG. */
export class ZmtpSession {
  /** What the other side may send; may change at any time. */
  limits: MessageLimits;
  private readonly decoder = new FrameDecoder();
  private readonly curve: CurveClient | null;
  private stage: 'greeting' | 'handshake' | 'ready' | 'failed' = 'greeting';
  private greeting = Buffer.alloc(0);
  private parts: Buffer[] = [];
  private partsBytes = 0;
  private knowsPeer = false;

  /** @throws for keys that are none */
  constructor(
    security: SessionSecurity,
    private readonly routingId: Uint8Array,
    limits: MessageLimits,
  ) {
    this.limits = limits;
    this.curve = security && new CurveClient(security.keys, security.fresh, routingId);
  }

  get isReady(): boolean {
    return this.stage === 'ready';
  }

  /**
   * The other side has shown that it has the key: only its holder can make the WELCOME (CurveZMQ, RFC 26), to which our
   * INITIATE is the answer. Without security it is known once it is ready.
   */
  get isPeerKnown(): boolean {
    return this.knowsPeer;
  }

  /** A frame or a message has begun to arrive and is not whole. */
  get isAmidMessage(): boolean {
    return this.decoder.isAmidFrame || this.parts.length > 0;
  }

  /** The first bytes, to be sent at once. */
  open(): Buffer {
    return encodeGreeting(this.mechanism);
  }

  /** The bytes of a message. Only once it is ready. */
  message(parts: readonly Buffer[]): Buffer {
    return Buffer.concat(parts.map((body, at) => this.frame({ more: at < parts.length - 1, command: false, body })));
  }

  /** The bytes of a PING. Only once it is ready. */
  ping(): Buffer {
    return this.frame({ more: false, command: true, body: encodePing() });
  }

  /** What these bytes mean. After a fault there are no more events. */
  *receive(chunk: Buffer): Generator<SessionEvent, void> {
    let rest = chunk;
    if (this.stage === 'greeting') {
      const wanted = GREETING_BYTES - this.greeting.length;
      this.greeting = Buffer.concat([this.greeting, rest.subarray(0, wanted)]);
      rest = rest.subarray(wanted);
      const fault = faultOfGreeting(this.greeting, this.mechanism);
      if (fault) return yield this.failed(fault);
      if (this.greeting.length < GREETING_BYTES) return;
      this.stage = 'handshake';
      const body = this.curve ? this.curve.hello() : encodeCommand('READY', encodeDealer(this.routingId));
      yield { kind: 'send', bytes: encodeFrame({ more: false, command: true, body }) };
    }
    for (const frame of this.framesOf(rest)) {
      const event = typeof frame === 'string' ? this.failed(frame) : this.eventOf(frame);
      if (event) yield event;
      if (this.stage === 'failed') return;
    }
  }

  private get mechanism() {
    return this.curve ? 'CURVE' : 'NULL';
  }

  private framesOf(chunk: Buffer): Iterable<Frame | StreamFault> {
    if (this.stage === 'failed') return [];
    return this.decoder.receive(chunk, () =>
      this.stage === 'ready' ? this.limits.maxBytes + MESSAGE_OVERHEAD_BYTES : HANDSHAKE_FRAME_BYTES,
    );
  }

  private eventOf(frame: Frame): SessionEvent | null {
    if (this.stage === 'handshake') return this.handshake(frame);
    if (!this.curve) return frame.command ? this.command(frame.body) : this.part(frame);
    // libzmq sends MESSAGEs as ordinary frames, other implementations as commands.
    if (frame.more) return this.failed('bad-frame');
    const content = this.curve.open(frame.body);
    if (typeof content === 'string') return this.failed(content);
    return content.command ? this.command(content.body) : this.part(content);
  }

  private handshake({ command, body }: Frame): SessionEvent {
    if (!command) return this.failed('bad-frame');
    const answer = this.curve ? this.curve.handshake(body) : handshakeOfNull(body);
    if (typeof answer === 'string') return this.failed(answer);
    this.knowsPeer = true;
    if (answer !== null) return { kind: 'send', bytes: encodeFrame({ more: false, command: true, body: answer }) };
    this.stage = 'ready';
    return { kind: 'ready' };
  }

  private part({ more, body }: { more: boolean; body: Buffer }): SessionEvent | null {
    this.parts.push(body);
    this.partsBytes += body.length;
    if (this.parts.length > this.limits.maxParts || this.partsBytes > this.limits.maxBytes)
      return this.failed('too-large');
    if (more) return null;
    const { parts } = this;
    this.parts = [];
    this.partsBytes = 0;
    return { kind: 'message', parts };
  }

  private command(body: Buffer): SessionEvent | null {
    const command = decodeCommand(body);
    switch (command?.name) {
      case undefined:
        return this.failed('bad-frame');
      case 'PING': {
        const pong = pongFor(command.data);
        if (!pong) return this.failed('bad-frame');
        return { kind: 'send', bytes: this.frame({ more: false, command: true, body: pong }) };
      }
      case 'PONG':
        return { kind: 'pong' };
      case 'ERROR':
        return this.failed('refused');
      default:
        // SUBSCRIBE and whatever a later version has mean nothing to a DEALER.
        return null;
    }
  }

  private frame(content: Frame): Buffer {
    if (!this.curve) return encodeFrame(content);
    return encodeFrame({ more: false, command: false, body: this.curve.seal(content) });
  }

  private failed(fault: StreamFault): SessionEvent {
    this.stage = 'failed';
    this.parts = [];
    return { kind: 'fault', fault };
  }
}

/** Without security both sides send READY with their metadata, and nothing is to be answered. */
function handshakeOfNull(body: Buffer): null | StreamFault {
  const command = decodeCommand(body);
  if (command?.name === 'ERROR') return 'refused';
  return command?.name === 'READY' && isMetadata(command.data) ? null : 'bad-frame';
}
