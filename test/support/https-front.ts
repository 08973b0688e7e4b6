import { once } from 'node:events';
import { request } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo } from 'node:net';
import { type Identity } from '../../gateways/certificates.js';

/** What stands before a server that has a name: TLS towards everybody, plain HTTP to the server. */
export class HttpsFront {
  /** The paths that were asked for. */
  readonly asked: string[] = [];

  private constructor(private readonly server: ReturnType<typeof createServer>) {}

  static async start({ cert, key }: Identity, target: string): Promise<HttpsFront> {
    const server = createServer({ cert, key });
    const front = new HttpsFront(server);
    server.on('request', (incoming, outgoing) => {
      const { method, url = '', headers } = incoming;
      front.asked.push(url);
      const onwards = request(new URL(url, target), { method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      onwards.on('error', () => outgoing.destroy());
      incoming.pipe(onwards);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return front;
  }

  get url(): string {
    return `https://localhost:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
