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

export class Http2Exchange implements Exchange {
  constructor(
    readonly request: GatewayRequest,
    private readonly stream: ServerHttp2Stream,
    private readonly session: ServerHttp2Session,
    private readonly socket: TLSSocket,
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
    this.socket.destroy();
  }

  goAway(last: 'this' | 'before', reason?: string): void {
    if (this.session.destroyed || this.stream.id === undefined) return;
    const data = reason === undefined ? undefined : Buffer.from(JSON.stringify({ reason }));
    // Node takes 0 as "the newest", so before the first stream of a session only a refusal says "not processed".
    if (last === 'before' && this.stream.id === 1) this.reset('REFUSED_STREAM');
    const id = last === 'this' ? this.stream.id : Math.max(1, this.stream.id - 2);
    this.session.goaway(constants.NGHTTP2_NO_ERROR, id, data);
    this.session.close();
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
