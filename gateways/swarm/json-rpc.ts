import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type Identity } from '../certificates.js';
import { asObject, parseObject } from '../messages.js';
import { type ListAnswer } from './node-list.js';

/** JSON-RPC 2.0 at `/json_rpc`, with the one method `get_service_nodes`. */
export class JsonRpcListener {
  private server: Server | undefined;
  private port = 0;

  constructor(
    private readonly identity: Identity | undefined,
    /** null = the request is left without an answer. */
    private readonly answer: (parameters: string) => ListAnswer | null,
  ) {}

  get url(): string {
    return `${this.identity ? 'https://localhost' : 'http://127.0.0.1'}:${this.port}/json_rpc`;
  }

  /** On any free port of the loopback, which stays the same when it is closed and listens again. */
  async listen(): Promise<void> {
    const handle = (request: IncomingMessage, response: ServerResponse) => void this.serve(request, response);
    const { cert, key } = this.identity ?? {};
    this.server = this.identity ? createHttpsServer({ cert, key }, handle) : createHttpServer(handle);
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const { server } = this;
    if (!server) return;
    this.server = undefined;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    if (request.method !== 'POST' || request.url !== '/json_rpc') return void response.writeHead(404).end();
    const call = parseObject(body);
    const id = typeof call?.['id'] === 'string' || typeof call?.['id'] === 'number' ? call['id'] : '0';
    if (!call) return respond(response, errorOf(id, -32_700, 'Parse error'));
    if (call['method'] !== 'get_service_nodes') return respond(response, errorOf(id, -32_601, 'Method not found'));
    const answer = this.answer(JSON.stringify(asObject(call['params']) ?? {}));
    if (!answer) return;
    if (answer.status !== '200') return respond(response, errorOf(id, -32_603, answer.text));
    // As text: numbers of 64 bits would not come through a parser.
    respond(response, `{"id":${JSON.stringify(id)},"jsonrpc":"2.0","result":${answer.text}}`);
  }
}

function errorOf(id: string | number, code: number, message: string): string {
  return JSON.stringify({ error: { code, message }, id, jsonrpc: '2.0' });
}

function respond(response: ServerResponse, json: string): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(json);
}
