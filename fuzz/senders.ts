import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { openReply } from '../src/onion/protocol/onion-client.js';
import { type HostileRequest } from './hostile-requests.js';

/** What came back; null = the server closed the connection without an answer. */
export type Status = number | null;

/** A server that says nothing for this long has been stopped by the request. */
const PATIENCE_MS = 25_000;
/** What is sent on a connection of its own may be something that the server goes on reading for. */
const RAW_PATIENCE_MS = 300;

/** Sends over kept connections. Gives the inner status when the reply is sealed. */
export class HttpSender {
  private readonly agent: Agent;

  constructor(
    private readonly url: URL,
    connections: number,
  ) {
    this.agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  async send({ method, path, headers, body, context }: HostileRequest): Promise<Status> {
    const answer = await this.exchange(method, path, headers, body);
    return answer?.status === 200 && context ? openReply(context, answer.body).status : (answer?.status ?? null);
  }

  close(): void {
    this.agent.destroy();
  }

  private exchange(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    body: Buffer,
  ): Promise<{ status: number; body: Buffer } | null> {
    const { hostname, port } = this.url;
    return new Promise((resolve, reject) => {
      const sent = request(
        { hostname, port, method, path, agent: this.agent, headers: { ...headers, 'content-length': body.length } },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
          response.on('error', () => resolve(null));
        },
      );
      sent.on('upgrade', (_response, socket) => {
        socket.destroy();
        resolve(null);
      });
      sent.setTimeout(PATIENCE_MS, () => reject(new Error(`no answer within ${PATIENCE_MS} ms`)));
      sent.on('error', () => resolve(null));
      sent.end(body);
    });
  }
}

/** Sends bytes over a connection of their own and gives the status of every answer. */
export async function sendBytes({ hostname, port }: URL, bytes: Buffer): Promise<number[]> {
  const socket = connect(Number(port), hostname);
  const chunks: Buffer[] = [];
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.end(bytes);
  await Promise.race([closed, sleep(RAW_PATIENCE_MS)]);
  socket.destroy();
  const text = Buffer.concat(chunks).toString('latin1');
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
}
