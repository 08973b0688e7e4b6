import { type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { type Agent, request } from 'node:https';
import { DIRECTLY, type Outgoing } from '../../outgoing/outgoing.js';
import { proxyFailureOf } from '../../outgoing/tunnel.js';
import { isReady, onceReady } from '../../outgoing/ready-sockets.js';
import { isTunnelled, TunnelAgent } from '../../outgoing/tunnel-agent.js';
import { ChannelError, type ChannelErrorReason } from './http2-answer.js';

/** The longest answer is Huawei's list of up to 1,000 illegal tokens. */
const MAX_ANSWER_BYTES = 1_048_576;
/** Below the idle time after which common front ends close a connection, so that few requests meet a closing one. */
const IDLE_SOCKET_MS = 30_000;

/** Of the time for a connection, the proxy may take so much; the rest is for TLS. */
const TUNNEL_SHARE = 0.8;

export interface HttpsAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface HttpsChannelOptions {
  /** CA bundle (PEM), nothing else is trusted; undefined = Node's own list. */
  ca: string | undefined;
  maxSockets: number;
  /** Until the connection stands, waiting for a free one included. */
  connectTimeoutMs: number;
  /** From the call to the end of the answer. */
  requestTimeoutMs: number;
  /** Directly unless given. */
  outgoing?: Outgoing;
}

/**
 * POST over kept-alive HTTP/1.1 connections with certificate checks, bounded in connections, time and answer size.
 * Redirects are not followed: none of the endpoints is documented to answer with one, and they would carry secrets.
 */
export class HttpsChannel {
  private readonly agent: Agent;
  private readonly inFlight = new Set<Promise<void>>();
  private closed = false;

  constructor(private readonly options: HttpsChannelOptions) {
    this.agent = new TunnelAgent({
      outgoing: options.outgoing ?? DIRECTLY,
      tunnelTimeoutMs: options.connectTimeoutMs * TUNNEL_SHARE,
      keepAlive: true,
      maxSockets: options.maxSockets,
      timeout: Math.max(IDLE_SOCKET_MS, options.requestTimeoutMs),
      ca: options.ca,
      minVersion: 'TLSv1.2',
    });
  }

  /** Sends one request and collects the answer, whatever its status. Rejects with a {@link ChannelError} only. */
  async post(url: string, headers: OutgoingHttpHeaders, body: string): Promise<HttpsAnswer> {
    if (this.closed) throw new ChannelError('Closed');
    const answer = exchange(url, headers, body, this.agent, this.options);
    const ended = answer.then(ignore, ignore);
    this.inFlight.add(ended);
    try {
      return await answer;
    } finally {
      this.inFlight.delete(ended);
    }
  }

  /** Lets requests in flight end, each within its deadline, then closes the connections. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.all(this.inFlight);
    this.agent.destroy();
  }
}

/** How far a request got; decides what its failure means. */
type Stage = 'queued' | 'connecting' | 'handshaking' | 'sent';

const ON_TIMEOUT: Readonly<Record<Stage, ChannelErrorReason>> = {
  queued: 'QueueTimeout',
  connecting: 'ConnectTimeout',
  handshaking: 'ConnectTimeout',
  sent: 'Timeout',
};

const ON_ERROR: Readonly<Record<Stage, ChannelErrorReason>> = {
  queued: 'ConnectFailed',
  connecting: 'ConnectFailed',
  handshaking: 'TlsFailed',
  sent: 'ConnectionLost',
};

function exchange(
  url: string,
  headers: OutgoingHttpHeaders,
  body: string,
  agent: Agent,
  { connectTimeoutMs, requestTimeoutMs }: HttpsChannelOptions,
): Promise<HttpsAnswer> {
  return new Promise((resolve, reject) => {
    let stage: Stage = 'queued';
    const timers: NodeJS.Timeout[] = [];
    const fail = (reason: ChannelErrorReason, cause?: unknown) => {
      timers.forEach(clearTimeout);
      outgoing?.destroy();
      reject(new ChannelError(reason, { cause }));
    };
    const outgoing = openRequest(url, { ...headers, 'content-length': Buffer.byteLength(body) }, agent);
    if (outgoing === null) return fail('InvalidRequest');

    timers.push(
      setTimeout(() => {
        if (stage !== 'sent') fail(ON_TIMEOUT[stage]);
      }, connectTimeoutMs),
      setTimeout(() => fail(ON_TIMEOUT[stage]), requestTimeoutMs),
    );
    outgoing.on('socket', (socket) => {
      if (isReady(socket)) {
        stage = 'sent';
        return;
      }
      stage = isTunnelled(socket) ? 'handshaking' : 'connecting';
      socket.once('connect', () => (stage = 'handshaking'));
      onceReady(socket, () => (stage = 'sent'));
    });
    outgoing.on('error', (cause) => fail(proxyFailureOf(cause) ?? ON_ERROR[stage], cause));
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > MAX_ANSWER_BYTES) return fail('AnswerTooLarge');
        chunks.push(chunk);
      });
      response.on('error', (cause) => fail('ConnectionLost', cause));
      response.on('end', () => {
        timers.forEach(clearTimeout);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
      });
    });
    outgoing.end(body);
  });
}

/** null = the address or a header cannot be put on the wire. */
function openRequest(url: string, headers: OutgoingHttpHeaders, agent: Agent) {
  try {
    return request(url, { method: 'POST', agent, headers });
  } catch {
    return null;
  }
}

function ignore(): void {}
