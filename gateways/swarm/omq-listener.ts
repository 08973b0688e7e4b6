import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ConnectionCounts, type Frames, OmqSocket } from './omq-socket.js';

/** Requests and commands that wait for a worker; more are dropped without a word. */
const QUEUE_LIMIT = 500;

/** What came in, and the ways to say something back. */
export interface Call {
  /** The routing id of the line it came by. */
  readonly route: Buffer;
  readonly parts: readonly Buffer[];
  /** For requests; a second reply is sent too, and ignored by a careful client. */
  readonly reply: (...parts: Frames) => void;
  /** A command of ours to the same line. */
  readonly send: (...frames: Frames) => void;
}

export interface OmqCommand {
  /** Requests carry a tag, which their reply repeats. */
  readonly kind: 'request' | 'command';
  /** What everybody is told who may not use it. */
  readonly refusal?: 'FORBIDDEN' | 'FORBIDDEN_SN' | 'NOT_A_SERVICE_NODE';
  readonly run: (call: Call) => void | Promise<void>;
}

export interface OmqListenerOptions {
  /** By whole name, e.g. `ping.ping`. */
  readonly commands: ReadonlyMap<string, OmqCommand>;
  /** X25519, 32 bytes; null = plain. */
  readonly secretKey: Buffer | null;
  readonly queueLimit?: number;
  /** Count connections; true unless said otherwise. */
  readonly observed?: boolean;
}

export interface CallCounts {
  hellos: number;
  /** By name, with those that nobody knows under `unknown`. */
  readonly calls: Map<string, number>;
  /** Dropped because the queue was full. */
  dropped: number;
  maxWaiting: number;
  sent: number;
  /** To somebody who is not there or does not read. */
  undelivered: number;
}

/** A listener that speaks OxenMQ: greetings, requests with tags, refusals, and a queue before its one worker. */
export class OmqListener {
  counts: CallCounts = noCounts();
  private readonly socket: OmqSocket;
  private readonly routes = new Map<string, Buffer>();
  private readonly waiting: (() => void | Promise<void>)[] = [];
  private working = false;
  private held = false;

  constructor(private readonly options: OmqListenerOptions) {
    this.socket = new OmqSocket({
      secretKey: options.secretKey,
      observed: options.observed ?? true,
      onMessage: (route, frames) => this.take(route, frames),
    });
  }

  /** Where it listens or listened last, as `tcp://127.0.0.1:1234`. */
  get address(): string {
    return this.socket.address;
  }

  get port(): number {
    return Number(/:(\d+)$/.exec(this.address)?.[1] ?? 0);
  }

  get open(): boolean {
    return this.socket.open;
  }

  get connections(): Readonly<ConnectionCounts> {
    return this.socket.connections;
  }

  /** Routing ids that said something since the start. */
  get lines(): readonly Buffer[] {
    return [...this.routes.values()];
  }

  listen(address = 'tcp://127.0.0.1:*', secretKey?: Buffer): Promise<void> {
    return this.socket.listen(address, secretKey);
  }

  /** Forgets its lines and what waited; neither frozen nor held any more. */
  close(): void {
    this.held = false;
    this.socket.close();
    this.routes.clear();
    this.waiting.length = 0;
  }

  /** Nothing is read any more, HI neither. See {@link OmqSocket.freeze}. */
  freeze(): void {
    this.socket.freeze();
  }

  thaw(): void {
    this.socket.thaw();
  }

  /** The worker is busy with something else: HI is answered, what else comes waits, and is dropped when too much waits. */
  hold(): void {
    this.held = true;
  }

  release(): void {
    this.held = false;
    void this.work();
  }

  async send(route: Buffer, frames: Frames): Promise<boolean> {
    const delivered = await this.socket.send(route, frames);
    if (delivered) this.counts.sent++;
    else this.counts.undelivered++;
    return delivered;
  }

  private take(route: Buffer, frames: readonly Buffer[]): void {
    this.routes.set(route.toString('latin1'), route);
    const [name = Buffer.alloc(0), ...parts] = frames;
    switch (name.toString('latin1')) {
      case 'HI':
        this.counts.hellos++;
        return void this.send(route, ['HELLO']);
      // Answers, and greetings that are not for us to answer.
      case 'HELLO':
      case 'BYE':
      case 'REPLY':
        return;
      default:
        return this.enqueue(route, name, parts);
    }
  }

  private enqueue(route: Buffer, name: Buffer, parts: readonly Buffer[]): void {
    if (this.waiting.length >= (this.options.queueLimit ?? QUEUE_LIMIT)) {
      this.counts.dropped++;
      return;
    }
    this.waiting.push(() => this.run(route, name, parts));
    this.counts.maxWaiting = Math.max(this.counts.maxWaiting, this.waiting.length);
    void this.work();
  }

  private async work(): Promise<void> {
    if (this.working) return;
    this.working = true;
    while (!this.held) {
      // What has arrived is taken first, so that a flood meets a queue and not an idle worker.
      await nextTurn();
      const job = this.waiting.shift();
      if (!job) break;
      await job();
    }
    this.working = false;
  }

  private run(route: Buffer, name: Buffer, parts: readonly Buffer[]): void | Promise<void> {
    const command = this.options.commands.get(name.toString('latin1'));
    const key = command ? name.toString('latin1') : 'unknown';
    this.counts.calls.set(key, (this.counts.calls.get(key) ?? 0) + 1);
    // Without the tag, also when it was a request.
    if (!command) return void this.send(route, ['UNKNOWNCOMMAND', name]);
    const tag = command.kind === 'request' ? parts[0] : undefined;
    if (command.refusal) return void this.send(route, [command.refusal, ...(tag ? ['REPLY', tag] : [name])]);
    if (command.kind === 'request' && !tag) return void this.send(route, ['NO_REPLY_TAG', name]);
    return command.run({
      route,
      parts: tag ? parts.slice(1) : parts,
      reply: (...answer) => void (tag && this.send(route, ['REPLY', tag, ...answer])),
      send: (...frames) => void this.send(route, frames),
    });
  }
}

function noCounts(): CallCounts {
  return { hellos: 0, calls: new Map(), dropped: 0, maxWaiting: 0, sent: 0, undelivered: 0 };
}
