import { once } from 'node:events';
import { createServer as createHttpServer, request, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo } from 'node:net';
import { type Identity } from '../../gateways/certificates.js';

/** What stands before a server that has a name: plain HTTP to the server, and TLS towards everybody when it has an identity. */
export class ReverseProxy {
  /** The paths that were asked for. */
  readonly asked: string[] = [];

  private constructor(
    private readonly server: Server,
    private readonly scheme: 'http' | 'https',
    private target: string,
  ) {}

  static async start(identity: Identity | null, target: string): Promise<ReverseProxy> {
    const server = identity ? createHttpsServer({ cert: identity.cert, key: identity.key }) : createHttpServer();
    const proxy = new ReverseProxy(server, identity ? 'https' : 'http', target);
    server.on('request', (incoming, outgoing) => {
      const { method, url = '', headers } = incoming;
      proxy.asked.push(url);
      const onwards = request(new URL(url, proxy.target), { method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      onwards.on('error', () => outgoing.destroy());
      incoming.pipe(onwards);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get url(): string {
    return `${this.scheme}://localhost:${(this.server.address() as AddressInfo).port}`;
  }

  /** Requests from now on go there. */
  leadTo(target: string): void {
    this.target = target;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
