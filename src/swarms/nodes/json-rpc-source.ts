import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { DIRECTLY, type Outgoing } from '../../outgoing/outgoing.js';
import { TunnelAgent } from '../../outgoing/tunnel-agent.js';
import { type ListSource, type SourceAnswer, type SourceFailure } from './list-source.js';

const DEADLINE_MS = 30_000;
/** Some 2,000 nodes with 350 bytes each, and room for many more. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** An oxend that is asked by JSON-RPC: `POST {"jsonrpc", "id", "method": "get_service_nodes", "params"}`, answered in `result`. */
export class JsonRpcSource implements ListSource {
  readonly tellsOfBlocks = false;
  private readonly agent: TunnelAgent;
  private readonly stopped = new AbortController();

  /** @param ca CA bundle (PEM), nothing else is trusted; undefined = Node's own list */
  constructor(
    readonly name: string,
    private readonly url: string,
    ca: string | undefined,
    private readonly deadlineMs = DEADLINE_MS,
    outgoing: Outgoing = DIRECTLY,
  ) {
    this.agent = new TunnelAgent({ outgoing, tunnelTimeoutMs: deadlineMs, ca, minVersion: 'TLSv1.2' });
  }

  async ask(question: object): Promise<SourceAnswer> {
    const body = JSON.stringify({ jsonrpc: '2.0', id: '0', method: 'get_service_nodes', params: question });
    const signal = AbortSignal.any([this.stopped.signal, AbortSignal.timeout(this.deadlineMs)]);
    const failed = (failure: SourceFailure): SourceAnswer => ({ kind: 'failed', failure });
    const response = await this.post(body, signal);
    if (!response) return failed(signal.aborted ? 'unanswered' : 'unreachable');
    const json = await collect(response);
    if (json === null) return failed(signal.aborted ? 'unanswered' : 'unreadable');
    return response.statusCode === 200 ? { kind: 'answer', json } : failed('refused');
  }

  close(): void {
    this.stopped.abort();
  }

  /** The beginning of the answer; null = there is none. */
  private post(body: string, signal: AbortSignal): Promise<IncomingMessage | null> {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const options = { method: 'POST', headers, signal };
    const outgoing = this.url.startsWith('https:')
      ? requestHttps(this.url, { ...options, agent: this.agent, rejectUnauthorized: true })
      : requestHttp(this.url, { ...options, agent: false });
    return new Promise((resolve) => {
      outgoing.on('error', () => resolve(null));
      outgoing.on('response', resolve);
      outgoing.end(body);
    });
  }
}

/** Null when it is too long or did not come to its end. */
function collect(response: IncomingMessage): Promise<string | null> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    response.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > MAX_ANSWER_BYTES) response.destroy();
      else chunks.push(chunk);
    });
    response.on('error', () => resolve(null));
    response.on('close', () => resolve(response.complete ? Buffer.concat(chunks).toString() : null));
  });
}
