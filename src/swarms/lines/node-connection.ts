import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { freshCurveSecrets } from '../wire/curve.protocol.js';
import {
  decodeOxenmq,
  encodeOxenmqCommand,
  encodeOxenmqRequest,
  HI,
  type RefusalCode,
  routingIdFor,
  TAG_BYTES,
} from '../wire/oxenmq.protocol.js';
import { type StreamFault } from '../wire/zmtp.protocol.js';
import { type MessageLimits, ZmtpSession } from '../wire/zmtp-session.protocol.js';

/** Where a node listens. */
export type NodeAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'ipc'; readonly path: string };

export interface ConnectionTarget {
  readonly address: NodeAddress;
  /** The node's X25519 key; null = a listener without security. */
  readonly key: Buffer | null;
}

/** Why a connection is over. */
export type ConnectionEnd =
  | StreamFault
  /** The key that the list has for it is none. */
  | 'bad-key'
  /** No process listens at the address, or the network in between is cut. */
  | 'unreachable'
  | 'connect-timeout'
  /** It took the connection and closed it before it was ready: it may have another key, or no room. */
  | 'closed-in-handshake'
  | 'handshake-timeout'
  /** It was ready, and is gone. */
  | 'lost'
  /** Nothing came for too long. */
  | 'silent'
  /** It is alive and does not answer HI: another client has our route, or the process behind the socket is stuck. */
  | 'deaf'
  /** It does not take what we have to say, such as the answers to its PINGs. */
  | 'not-reading'
  /** A message that is none of OxenMQ. */
  | 'bad-message'
  /** We closed it. */
  | 'closed';

export type RequestAnswer =
  | { readonly kind: 'reply'; readonly parts: Buffer[] }
  | { readonly kind: 'refused'; readonly code: RefusalCode }
  /** Nothing came within the deadline. Whether the node did it is not known. */
  | { readonly kind: 'unanswered' }
  /** The connection ended before the answer, or was not there. */
  | { readonly kind: 'gone' }
  /** So many requests wait for answers that this one was not sent. */
  | { readonly kind: 'busy' };

export interface ConnectionListener {
  /** The handshake is over and HI was answered. */
  opened(): void;
  /** A command of the node's. The promise settles when the room that it took is free again. */
  command(name: string, parts: Buffer[]): Promise<void> | void;
  /** The node sent a message that is of no use, such as a REPLY to no request; a PING counts too. */
  unasked?(): void;
  /** Called once, for every kind of end, and last. */
  ended(reason: ConnectionEnd): void;
}

/** Our own pair towards nodes. */
export abstract class OwnKeys {
  abstract readonly publicKey: Uint8Array;
  abstract readonly privateKey: Uint8Array;
}

export interface ConnectionTuning {
  readonly connectTimeoutMs: number;
  /** From the TCP connection to the answer to HI. */
  readonly handshakeTimeoutMs: number;
  /** How often HI is sent. */
  readonly signOfLifeMs: number;
  /** Nothing for so long, or no answer to HI, and the connection is given up. */
  readonly silenceMs: number;
  /** The largest message that may come while no request waits for an answer, in bytes. */
  readonly maxCommandBytes: number;
  /** The largest answer to a request, unless the request says otherwise. */
  readonly maxAnswerBytes: number;
  /** What may wait to be worked on, in messages and in bytes, before nothing more is read. */
  readonly maxWaiting: number;
  readonly maxWaitingBytes: number;
}

/** OxenMQ's own times; its largest message is 10 MiB, far more than anything that a node has to say unasked. */
export const DEFAULT_CONNECTION_TUNING: ConnectionTuning = {
  connectTimeoutMs: 10_000,
  handshakeTimeoutMs: 10_000,
  signOfLifeMs: 15_000,
  silenceMs: 30_000,
  maxCommandBytes: 192 * 1024,
  maxAnswerBytes: 4 * 1024 * 1024,
  maxWaiting: 128,
  maxWaitingBytes: 1024 * 1024,
};

const MAX_PARTS = 8;
const MAX_REQUESTS = 16;
/** More than the largest request, less than what would hurt if all nodes did it. */
const MAX_UNSENT_BYTES = 2 * 1024 * 1024;

interface PendingRequest {
  readonly name: string;
  readonly timer: NodeJS.Timeout;
  readonly maxAnswerBytes: number;
  readonly settle: (answer: RequestAnswer) => void;
}

/**
 * One connection to a node, made once and never again: greeting, keys, HI, then requests and commands both ways.
 *
 * HI is its sign of life. The node's main thread answers it even when all workers are busy, and the answer takes the same
 * way as notifications do, so that it also shows when somebody took our route. A PING shows only that the socket lives.
 *
 * What the listener cannot keep up with stays with the node: above a bound nothing is read until there is room.
 */
export class NodeConnection {
  /** Null when the node's key is none. */
  private readonly session: ZmtpSession | null;
  private readonly requests = new Map<string, PendingRequest>();
  private socket: Socket | null = null;
  private stage: 'new' | 'connecting' | 'handshake' | 'open' | 'ended' = 'new';
  private stageTimer: NodeJS.Timeout | undefined;
  private lifeTimer: NodeJS.Timeout | undefined;
  private lastSeen = 0;
  /** When the HI was sent that is not answered yet. */
  private unansweredHi: number | null = null;
  private waiting = 0;
  private waitingBytes = 0;
  private readonly holds = new Set<symbol>();

  constructor(
    private readonly target: ConnectionTarget,
    own: OwnKeys,
    private readonly listener: ConnectionListener,
    private readonly tuning: ConnectionTuning = DEFAULT_CONNECTION_TUNING,
  ) {
    this.session = openSession(target.key, own, { maxParts: MAX_PARTS, maxBytes: tuning.maxCommandBytes });
  }

  get isOpen(): boolean {
    return this.stage === 'open';
  }

  /** The node has shown that it is there and has its key, whatever became of the rest. */
  get hasBeenThere(): boolean {
    return this.session?.isPeerKnown ?? false;
  }

  /** Begins to connect. The result goes to the listener; nothing is thrown. */
  open(): void {
    const { address } = this.target;
    const { session } = this;
    if (!session) return process.nextTick(() => this.end('bad-key'));
    this.stage = 'connecting';
    this.stageTimer = setTimeout(() => this.end('connect-timeout'), this.tuning.connectTimeoutMs);
    const socket = address.kind === 'ipc' ? connect(address.path) : connect(address.port, address.host);
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('connect', () => this.onConnect(socket, session));
    socket.on('data', (chunk: Buffer) => this.onData(chunk, session));
    socket.on('error', () => this.onGone());
    socket.on('close', () => this.onGone());
  }

  /** Sends a request and waits for its answer. Never rejects. */
  request(
    name: string,
    parts: readonly Buffer[],
    deadlineMs: number,
    maxAnswerBytes = this.tuning.maxAnswerBytes,
  ): Promise<RequestAnswer> {
    if (this.stage !== 'open') return Promise.resolve({ kind: 'gone' });
    if (this.requests.size >= MAX_REQUESTS) return Promise.resolve({ kind: 'busy' });
    const tag = randomBytes(TAG_BYTES);
    return new Promise((settle) => {
      const key = tag.toString('latin1');
      const timer = setTimeout(() => this.settle(key, { kind: 'unanswered' }), deadlineMs);
      this.requests.set(key, { name, timer, maxAnswerBytes, settle });
      this.setLimits();
      this.send(encodeOxenmqRequest(name, tag, parts));
    });
  }

  /** Sends a command, to which nothing comes back. False = the connection is not open. */
  command(name: string, parts: readonly Buffer[]): boolean {
    if (this.stage !== 'open') return false;
    this.send(encodeOxenmqCommand(name, parts));
    return true;
  }

  /** Reads nothing more until what it returns is called, by all who hold; the node keeps what it has for us, or drops it. */
  hold(): () => void {
    const hold = Symbol('hold');
    this.holds.add(hold);
    this.readOrNot();
    return () => {
      this.holds.delete(hold);
      this.readOrNot();
    };
  }

  close(): void {
    this.end('closed');
  }

  private onConnect(socket: Socket, session: ZmtpSession): void {
    this.stage = 'handshake';
    clearTimeout(this.stageTimer);
    this.stageTimer = setTimeout(() => this.end('handshake-timeout'), this.tuning.handshakeTimeoutMs);
    socket.write(session.open());
  }

  private onData(chunk: Buffer, session: ZmtpSession): void {
    for (const event of session.receive(chunk)) {
      switch (event.kind) {
        case 'send':
          this.write(event.bytes);
          // What has to be said after the handshake is the answer to a PING.
          if (this.stage === 'open') this.listener.unasked?.();
          break;
        case 'ready':
          this.sayHi();
          break;
        case 'message':
          this.lastSeen = performance.now();
          this.onMessage(event.parts);
          break;
        case 'pong':
          this.lastSeen = performance.now();
          this.listener.unasked?.();
          break;
        case 'fault':
          this.end(event.fault);
      }
      if (this.stage === 'ended') return;
    }
    if (!session.isAmidMessage) this.lastSeen = performance.now();
  }

  private onMessage(parts: Buffer[]): void {
    const message = decodeOxenmq(parts);
    switch (message?.kind) {
      case undefined:
        this.end('bad-message');
        break;
      case 'hello':
        this.onHello();
        break;
      case 'reply':
        this.settleOrNot(message.tag, { kind: 'reply', parts: message.parts });
        break;
      case 'refused':
        this.settleOrNot(message.tag ?? this.oldestOf(message.name), { kind: 'refused', code: message.code });
        break;
      case 'command':
        this.onCommand(message.name, message.parts);
        break;
      case 'ignored':
        this.listener.unasked?.();
    }
  }

  private settleOrNot(tag: string | null, answer: RequestAnswer): void {
    if (tag !== null && this.requests.has(tag)) this.settle(tag, answer);
    else this.listener.unasked?.();
  }

  private onHello(): void {
    if (this.unansweredHi === null) this.listener.unasked?.();
    this.unansweredHi = null;
    if (this.stage !== 'handshake') return;
    this.stage = 'open';
    clearTimeout(this.stageTimer);
    this.lifeTimer = setInterval(() => this.lookForLife(), this.tuning.signOfLifeMs);
    this.listener.opened();
  }

  private onCommand(name: string, parts: Buffer[]): void {
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    const work = this.listener.command(name, parts);
    if (!work) return;
    void this.waitFor(work, bytes);
  }

  private async waitFor(work: Promise<void>, bytes: number): Promise<void> {
    this.waiting++;
    this.waitingBytes += bytes;
    this.readOrNot();
    // The listener handles its failure; here the end of the work only makes room.
    await Promise.allSettled([work]);
    this.waiting--;
    this.waitingBytes -= bytes;
    this.readOrNot();
  }

  private readOrNot(): void {
    const { socket } = this;
    if (!socket || this.stage === 'ended') return;
    const isFull = this.waiting >= this.tuning.maxWaiting || this.waitingBytes >= this.tuning.maxWaitingBytes;
    if (this.holds.size > 0 || isFull) socket.pause();
    else if (socket.isPaused()) {
      // What was said meanwhile is still to be read.
      this.lastSeen = performance.now();
      if (this.unansweredHi !== null) this.unansweredHi = this.lastSeen;
      socket.resume();
    }
  }

  private lookForLife(): void {
    // While this side does not read, the silence is ours.
    if (this.socket?.isPaused()) return;
    const now = performance.now();
    if (now - this.lastSeen >= this.tuning.silenceMs) return this.end('silent');
    if (this.unansweredHi === null) return this.sayHi();
    if (now - this.unansweredHi >= this.tuning.silenceMs) this.end('deaf');
  }

  private sayHi(): void {
    this.unansweredHi = performance.now();
    this.send(HI);
  }

  private send(parts: readonly Buffer[]): void {
    if (this.session) this.write(this.session.message(parts));
  }

  private write(bytes: Buffer): void {
    this.socket?.write(bytes);
    if ((this.socket?.writableLength ?? 0) > MAX_UNSENT_BYTES) this.end('not-reading');
  }

  private settle(tag: string, answer: RequestAnswer): void {
    const request = this.requests.get(tag);
    if (!request) return;
    clearTimeout(request.timer);
    this.requests.delete(tag);
    this.setLimits();
    request.settle(answer);
  }

  /** A node does not say which request of an unknown name it refuses. */
  private oldestOf(name: string | null): string | null {
    for (const [tag, request] of this.requests) if (request.name === name) return tag;
    return null;
  }

  /** A large message is accepted only while a request waits for its answer. */
  private setLimits(): void {
    const answers = [...this.requests.values()].map(({ maxAnswerBytes }) => maxAnswerBytes);
    if (this.session)
      this.session.limits = { maxParts: MAX_PARTS, maxBytes: Math.max(this.tuning.maxCommandBytes, ...answers) };
  }

  private onGone(): void {
    if (this.stage === 'connecting') this.end('unreachable');
    else if (this.stage === 'handshake') this.end('closed-in-handshake');
    else this.end('lost');
  }

  private end(reason: ConnectionEnd): void {
    if (this.stage === 'ended') return;
    this.stage = 'ended';
    clearTimeout(this.stageTimer);
    clearInterval(this.lifeTimer);
    this.socket?.destroy();
    for (const tag of [...this.requests.keys()]) this.settle(tag, { kind: 'gone' });
    this.listener.ended(reason);
  }
}

/** Our side of the handshake; null = the key is none. */
export function openSession(serverKey: Buffer | null, own: OwnKeys, limits: MessageLimits): ZmtpSession | null {
  if (!serverKey) return new ZmtpSession(null, Buffer.alloc(0), limits);
  const { publicKey, privateKey } = own;
  const security = { keys: { serverKey, publicKey, privateKey }, fresh: freshCurveSecrets() };
  try {
    return new ZmtpSession(security, routingIdFor(own.privateKey, serverKey), limits);
  } catch {
    return null;
  }
}
