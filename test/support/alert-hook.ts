import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface HookRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** How the hook answers one request: a status, or never. */
export type HookAnswer = number | 'stall';

/** A web hook as chat programs have them, on the loopback. */
export class AlertHook {
  readonly requests: HookRequest[] = [];
  /** Answers of the next requests; then it takes everything. */
  readonly answers: HookAnswer[] = [];

  private constructor(
    private readonly server: ReturnType<typeof createServer>,
    readonly url: string,
  ) {}

  static async start(): Promise<AlertHook> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const hook = new AlertHook(server, `http://127.0.0.1:${port}/services/T0/secret-of-the-hook`);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        hook.requests.push({ method, path: url, headers, text: Buffer.concat(chunks).toString() });
        const answer = hook.answers.shift() ?? 200;
        if (answer !== 'stall') response.writeHead(answer, { location: '/elsewhere' }).end('ok');
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
