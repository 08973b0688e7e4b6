import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { envelopeV4 } from '../../src/onion/protocol/envelope-v4.js';
import { importKeyPair, type X25519KeyPair } from '../../src/onion/protocol/key-agreement.js';
import { type SubscribeRequest } from './subscribing-phone.js';
import { addToV2, v2Subscription } from './v2-database.js';

/** The existing push server as far as a phone sees it: what is subscribed is in its Postgres when it answers. */
export class V2Server {
  private constructor(
    private readonly server: Server,
    private readonly key: X25519KeyPair,
    private readonly database: string,
  ) {}

  /** @param privateKey of onion requests, 32 bytes */
  static async start(privateKey: Uint8Array, database: string): Promise<V2Server> {
    const http = createServer();
    const server = new V2Server(http, importKeyPair(privateKey), database);
    http.on('request', (incoming, outgoing) => {
      const answered = buffer(incoming).then((body) => server.answer(body));
      answered.then(
        (reply) => outgoing.end(reply),
        () => outgoing.writeHead(500).end(),
      );
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    if (!this.server.listening) return;
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async answer(body: Buffer): Promise<Buffer> {
    const opened = envelopeV4.open(this.key, body);
    if (opened.kind !== 'request' || opened.endpoint !== 'subscribe' || opened.body.kind !== 'json')
      throw new Error('It knows /subscribe alone.');
    await addToV2(this.database, [v2Subscription(opened.body.value as SubscribeRequest)]);
    const reply = { success: true, added: true, message: 'Subscription successful' };
    return envelopeV4.sealReply(opened.channel, 200, JSON.stringify(reply));
  }
}
