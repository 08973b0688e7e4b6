import { context, curveKeyPair, Router } from 'zeromq';

// Two sockets take more than zeromq's default when many nodes run.
context.maxSockets = 8192;

type Handler = (parts: Buffer[], routingId: Buffer) => readonly (string | Buffer)[] | null;

/**
 * The other side of a connection, on a real ROUTER socket of libzmq: answers HI, and the requests that it is told how to
 * answer. With `secure: false` it is a listener without keys.
 */
export class RouterNode {
  /** Its X25519 key; null without security. */
  readonly key: Buffer | null;
  /** What came, without the routing id: [name, ...]. */
  readonly received: Buffer[][] = [];
  /** Routing ids in the order in which they came first. */
  readonly routingIds: string[] = [];
  answersHi = true;
  port = 0;
  private readonly secret: string;
  private readonly handlers = new Map<string, Handler>();
  private socket: Router | null = null;
  private sending: Promise<unknown> = Promise.resolve();

  constructor({ secure = true }: { secure?: boolean } = {}) {
    const pair = curveKeyPair();
    this.secret = pair.secretKey;
    this.key = secure ? decodeZ85(pair.publicKey) : null;
  }

  static async start(options: { secure?: boolean } = {}): Promise<RouterNode> {
    const node = new RouterNode(options);
    await node.listen();
    return node;
  }

  get address() {
    return { kind: 'tcp', host: '127.0.0.1', port: this.port } as const;
  }

  /** How it answers a request: null = not at all. */
  on(name: string, handler: Handler): this {
    this.handlers.set(name, handler);
    return this;
  }

  /** Listens, again at the port that it had. */
  async listen(endpoint = `tcp://127.0.0.1:${this.port || '*'}`): Promise<void> {
    const curve = this.key ? { curveServer: true, curveSecretKey: this.secret } : {};
    const socket = new Router({ ...curve, handover: true, mandatory: true, linger: 0 });
    for (let tries = 0; ; tries++) {
      try {
        await socket.bind(endpoint);
        break;
      } catch (error) {
        // The port is free a moment after the socket that had it was closed.
        if (tries === 50) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
    this.socket = socket;
    if (endpoint.startsWith('tcp')) this.port = Number(socket.lastEndpoint?.split(':').at(-1));
    void this.serve(socket);
  }

  /** Sends parts to whoever has this routing id; false = nobody has. */
  async send(routingId: Buffer | string, ...parts: (string | Buffer)[]): Promise<boolean> {
    // One send at a time per socket.
    const sent = this.sending.then(() => this.socket?.send([routingId, ...parts]));
    this.sending = sent.catch(() => undefined);
    return sent.then(
      () => true,
      () => false,
    );
  }

  /** To the last that came. */
  notify(...parts: (string | Buffer)[]): Promise<boolean> {
    return this.send(Buffer.from(this.routingIds.at(-1) ?? '', 'latin1'), ...parts);
  }

  countOf(name: string): number {
    return this.received.filter(([first]) => first?.toString() === name).length;
  }

  stop(): void {
    this.socket?.close();
    this.socket = null;
  }

  private async serve(socket: Router): Promise<void> {
    try {
      for await (const [routingId, ...parts] of socket) if (routingId) await this.answer(routingId, parts);
    } catch {
      // It was closed.
    }
  }

  private async answer(routingId: Buffer, parts: Buffer[]): Promise<void> {
    this.received.push(parts);
    const id = routingId.toString('latin1');
    if (!this.routingIds.includes(id)) this.routingIds.push(id);
    const name = parts[0]?.toString() ?? '';
    if (name === 'HI') {
      if (this.answersHi) await this.send(routingId, 'HELLO');
      return;
    }
    const handler = this.handlers.get(name);
    if (!handler) {
      await this.send(routingId, 'UNKNOWNCOMMAND', name);
      return;
    }
    const answer = handler(parts.slice(2), routingId);
    if (answer) await this.send(routingId, 'REPLY', parts[1] ?? '', ...answer);
  }
}

const Z85 = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';

function decodeZ85(text: string): Buffer {
  const bytes = Buffer.alloc((text.length / 5) * 4);
  for (let at = 0; at < text.length; at += 5) {
    const value = text
      .slice(at, at + 5)
      .split('')
      .reduce((sum, character) => sum * 85 + Z85.indexOf(character), 0);
    bytes.writeUInt32BE(value, (at / 5) * 4);
  }
  return bytes;
}
