import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

/**
 * What happens to what passes:
 * - `pass`: it passes;
 * - `single-bytes`: it passes byte by byte;
 * - `frozen`: nothing passes any more, and nobody is told;
 * - `half-open`: connections are taken and lead nowhere; what there was is gone on the node's side only;
 * - `no-zeromq`: whoever connects meets a web server;
 * - `refuse`: connections are cut, new ones refused.
 */
export type ProxyMode = 'pass' | 'single-bytes' | 'frozen' | 'half-open' | 'no-zeromq' | 'refuse';

/** While nobody listens there, the port may be the near end of somebody's connection for a moment. */
const REBIND_PAUSE_MS = 20;
const REBIND_PATIENCE_MS = 10_000;
const WEB_SERVER = 'HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n';

interface Pair {
  readonly client: Socket;
  readonly node: Socket | null;
}

/** A port of the loopback that leads to another one, through all the bad days a network has. */
export class TcpProxy {
  port = 0;
  connections = 0;
  private mode: ProxyMode = 'pass';
  private server: Server | undefined;
  private readonly pairs = new Set<Pair>();

  /** `target` is asked at each connection. */
  constructor(private readonly target: () => number) {}

  get openConnections(): number {
    return this.pairs.size;
  }

  /** 0 = any free port, which stays the same over {@link ProxyMode} `refuse`. */
  async listen(port = this.port): Promise<void> {
    const deadline = Date.now() + REBIND_PATIENCE_MS;
    for (;;) {
      try {
        return await this.listenNow(port);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || Date.now() > deadline) throw error;
        await sleep(REBIND_PAUSE_MS);
      }
    }
  }

  /** Open connections change with it, except that those of a web server stay ZeroMQ. */
  async be(mode: ProxyMode): Promise<void> {
    this.mode = mode;
    if (mode === 'refuse') return this.close();
    if (!this.server) await this.listen();
    if (mode === 'half-open') for (const { node } of this.pairs) node?.destroy();
    for (const { client, node } of this.pairs) {
      for (const socket of [client, node]) {
        if (mode === 'frozen') socket?.pause();
        else socket?.resume();
      }
    }
  }

  /** Ends every connection with a reset, as when a machine is gone that comes back. */
  cut(): void {
    for (const { client, node } of this.pairs) {
      client.resetAndDestroy();
      node?.destroy();
    }
  }

  async close(): Promise<void> {
    const { server } = this;
    if (!server) return;
    this.server = undefined;
    const closed = once(server, 'close');
    server.close();
    this.cut();
    await closed;
  }

  private async listenNow(port: number): Promise<void> {
    const server = createServer({ noDelay: true, pauseOnConnect: true }, (client) => this.accept(client));
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    this.server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  private accept(client: Socket): void {
    this.connections++;
    const leads = this.mode === 'pass' || this.mode === 'single-bytes' || this.mode === 'frozen';
    const node = leads ? connect({ port: this.target(), host: '127.0.0.1', noDelay: true }) : null;
    const pair = { client, node };
    this.pairs.add(pair);
    client.on('error', ignore);
    client.on('close', () => {
      this.pairs.delete(pair);
      node?.destroy();
    });
    if (this.mode === 'no-zeromq') return void client.end(WEB_SERVER);
    if (!node) return void client.resume();
    node.on('error', ignore);
    node.on('close', () => {
      if (this.mode !== 'half-open' && this.mode !== 'frozen') client.destroy();
    });
    this.carry(client, node);
    this.carry(node, client);
    if (this.mode !== 'frozen') client.resume();
    else node.pause();
  }

  /** Who does not read holds up who writes, as without a proxy. */
  private write(from: Socket, to: Socket, chunk: Buffer): void {
    if (!to.writable || to.write(chunk)) return;
    from.pause();
    to.once('drain', () => {
      if (this.mode !== 'frozen') from.resume();
    });
  }

  private carry(from: Socket, to: Socket): void {
    let before: Promise<void> = Promise.resolve();
    from.on('data', (chunk) => {
      if (this.mode === 'single-bytes') before = before.then(() => writeSingly(to, chunk));
      else before = before.then(() => this.write(from, to, chunk));
    });
  }
}

async function writeSingly(socket: Socket, chunk: Buffer): Promise<void> {
  for (let index = 0; index < chunk.length && socket.writable; index++) {
    socket.write(chunk.subarray(index, index + 1));
    await nextTurn();
  }
}

function ignore(): void {
  // 'close' follows.
}
