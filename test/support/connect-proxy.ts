import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { type Duplex } from 'node:stream';
import { type Identity } from '../../gateways/certificates.js';

export interface ConnectProxyOptions {
  /** `user:password` that it asks for. */
  login?: string;
  /** Whoever asks it speaks TLS with it. */
  identity?: Identity;
  /** The port of the loopback that it leads to instead; null = it may not lead there. Everything as it is asked unless given. */
  route?: (authority: string) => number | null;
}

/** A proxy that leads to hosts by CONNECT (RFC 9110 §9.3.6), on the loopback. */
export class ConnectProxy {
  /** What it was asked for, in the order of the questions. */
  readonly asked: string[] = [];
  /** It takes questions and says nothing. */
  silent = false;
  private readonly sockets = new Set<Duplex>();

  private constructor(
    private readonly server: ReturnType<typeof createHttpServer>,
    private readonly options: ConnectProxyOptions,
  ) {
    server.on('connection', (socket) => this.sockets.add(socket));
    server.on('connect', (request, socket, head) => this.serve(request, socket, head));
  }

  static async start(options: ConnectProxyOptions = {}): Promise<ConnectProxy> {
    const { identity } = options;
    const server = identity ? createHttpsServer({ cert: identity.cert, key: identity.key }) : createHttpServer();
    server.on('request', (_request, response) => response.writeHead(405).end());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ConnectProxy(server, options);
  }

  /** With the login. */
  get url(): string {
    const { login, identity } = this.options;
    const { port } = this.server.address() as AddressInfo;
    return `${identity ? 'https' : 'http'}://${login === undefined ? '' : `${login}@`}localhost:${port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private serve({ url = '', headers }: IncomingMessage, inner: Duplex, head: Buffer): void {
    this.asked.push(url);
    inner.on('error', () => undefined);
    if (this.silent) return;
    const { login, route } = this.options;
    const wanted =
      login === undefined ? undefined : `Basic ${Buffer.from(decodeURIComponent(login)).toString('base64')}`;
    if (headers['proxy-authorization'] !== wanted) {
      inner.end('HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm="x"\r\n\r\n');
      return;
    }
    const port = route ? route(url) : Number(/:(\d+)$/.exec(url)?.[1]);
    if (port === null) {
      inner.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      return;
    }
    const outer = connect(port, '127.0.0.1');
    this.sockets.add(outer);
    outer.on('connect', () => {
      inner.write('HTTP/1.1 200 Connection established\r\n\r\n');
      outer.write(head);
      inner.pipe(outer).pipe(inner);
    });
    outer.on('error', () => inner.destroy());
    inner.on('close', () => outer.destroy());
    outer.on('close', () => inner.destroy());
  }
}
