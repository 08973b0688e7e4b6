import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo } from 'node:net';
import { type Identity } from '../../gateways/certificates.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { type HookProgram, type HookRequest, ruleOf } from './hook-rules.js';

/** How the hook answers one request: a status, or never. */
export type HookAnswer = number | 'stall';

/** A web hook as chat programs have them, on the loopback. */
export class AlertHook {
  readonly requests: HookRequest[] = [];
  /** What people read there, when it is a program that shows something. */
  readonly shown: (string | null)[] = [];
  /** Answers of the next requests; then it takes everything that its program does. */
  readonly answers: HookAnswer[] = [];

  private constructor(
    private readonly server: ReturnType<typeof createServer>,
    readonly url: string,
  ) {}

  /**
   * @param program whose rules it has; without one it takes everything
   * @param identity for https
   */
  static async start(program?: HookProgram, identity?: Identity): Promise<AlertHook> {
    const server = identity ? createHttpsServer({ cert: identity.cert, key: identity.key }) : createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const hook = new AlertHook(
      server,
      `${identity ? 'https://localhost' : 'http://127.0.0.1'}:${port}/services/T0/secret-of-the-hook`,
    );
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        const received = { method, path: url, headers, text: Buffer.concat(chunks).toString() };
        hook.requests.push(received);
        const ruling = program === undefined ? { status: 200, text: 'ok', shown: null } : ruleOf(program, received);
        const answer = hook.answers.shift() ?? ruling.status;
        if (answer === ruling.status) hook.shown.push(ruling.shown);
        if (answer !== 'stall') response.writeHead(answer, { location: '/elsewhere' }).end(ruling.text);
      });
    });
    return hook;
  }

  /** What programs read of the messages. */
  get messages(): Record<string, unknown>[] {
    return this.requests.map(({ text }) => JSON.parse(text) as Record<string, unknown>);
  }

  get kinds(): unknown[] {
    return this.messages.map(({ kind }) => kind);
  }

  async waitFor(count: number, timeoutMs = 5000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (this.requests.length < count) {
      if (Date.now() > deadline) throw new Error(`The hook has got ${JSON.stringify(this.kinds)} so far`);
      await sleep(10);
    }
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
