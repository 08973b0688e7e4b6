import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type TLSSocket } from 'node:tls';
import { type ResetCode } from './faults.js';
import { type Answer, type GatewayRequest } from './messages.js';

/** One request and the ways to end it, on either version of HTTP. */
export interface Exchange {
  readonly request: GatewayRequest;
  respond(answer: Answer): void;
  reset(code: ResetCode): void;
  destroyConnection(): void;
  /** Says that the connection ends: after this request, or before it, which leaves it and later ones unprocessed. */
  goAway(last: 'this' | 'before', reason?: string): void;
}

const RESET_CODES: Record<ResetCode, number> = {
  REFUSED_STREAM: constants.NGHTTP2_REFUSED_STREAM,
  INTERNAL_ERROR: constants.NGHTTP2_INTERNAL_ERROR,
  CANCEL: constants.NGHTTP2_CANCEL,
};

/** Time for the last frames to leave before a session that said GOAWAY is cut. */
const LINGER_MS = 100;

/** A session, with the count of its open streams that Node keeps to itself. */
export class Http2Peer {
  private openStreams = 0;
  private leaving = false;
  private lastStreamId = Infinity;

  constructor(
    readonly session: ServerHttp2Session,
    readonly socket: TLSSocket,
  ) {}

  track(stream: ServerHttp2Stream): void {
    this.openStreams++;
    stream.on('close', () => {
      this.openStreams--;
      this.cutWhenIdle();
    });
  }

  /** A GOAWAY has said that the stream is not looked at, so it must not be. */
  ignores(stream: ServerHttp2Stream): boolean {
    return (stream.id ?? Infinity) > this.lastStreamId;
  }

  /** Leaves the streams above `lastStreamId` unprocessed. `session.close()` would say GOAWAY again, for all of them. */
  leaveAfter(lastStreamId: number, data?: Buffer): void {
    // Said once: what it let through may have been answered, and must not be taken back.
    if (this.leaving) return;
    this.lastStreamId = lastStreamId;
    this.session.goaway(constants.NGHTTP2_NO_ERROR, lastStreamId, data);
    this.leaving = true;
    this.cutWhenIdle();
  }

  private cutWhenIdle(): void {
    if (this.leaving && this.openStreams === 0) setTimeout(() => this.session.destroy(), LINGER_MS).unref();
  }
}

export class Http2Exchange implements Exchange {
  constructor(
    readonly request: GatewayRequest,
    private readonly stream: ServerHttp2Stream,
    private readonly peer: Http2Peer,
  ) {}

  respond({ status, headers, body }: Answer): void {
    if (this.stream.destroyed || this.stream.closed) return;
    this.stream.respond({ ':status': status, ...headers });
    this.stream.end(body);
  }

  reset(code: ResetCode): void {
    this.stream.close(RESET_CODES[code]);
  }

  destroyConnection(): void {
    this.peer.socket.destroy();
  }

  goAway(last: 'this' | 'before', reason?: string): void {
    const { session } = this.peer;
    const { id } = this.stream;
    if (session.destroyed || id === undefined) return;
    const data = reason === undefined ? undefined : Buffer.from(JSON.stringify({ reason }));
    if (last === 'this') {
      this.peer.leaveAfter(id, data);
      return;
    }
    this.peer.leaveAfter(Math.max(1, id - 2), data);
    // Node takes "after stream 0" as "after the newest", so that only a refusal says "not processed" of the first one.
    if (id === 1) this.reset('REFUSED_STREAM');
  }
}

export class Http1Exchange implements Exchange {
  constructor(
    readonly request: GatewayRequest,
    private readonly incoming: IncomingMessage,
    private readonly response: ServerResponse,
  ) {}

  respond({ status, headers, body = '' }: Answer): void {
    if (this.response.destroyed || this.response.writableEnded) return;
    this.response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
    this.response.end(body);
  }

  reset(): void {
    this.destroyConnection();
  }

  destroyConnection(): void {
    this.incoming.socket.destroy();
  }

  goAway(last: 'this' | 'before'): void {
    if (last === 'this') this.response.setHeader('connection', 'close');
    else this.destroyConnection();
  }
}
