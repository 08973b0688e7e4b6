import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { isIP, type Socket } from 'node:net';
import { connect as connectTls, type SecureContextOptions, type TLSSocket } from 'node:tls';
import { type ProxyAddress } from '../../config/proxy-url.js';
import { DIRECTLY, type Outgoing } from '../../outgoing/outgoing.js';
import { openTunnel, proxyFailureOf } from '../../outgoing/tunnel.js';
import { ChannelError, type ChannelErrorReason } from './http2-answer.js';
import { type ExchangeOwner, Http2Exchange, type Http2Request } from './http2-exchange.js';

/** So many time-outs without an answer between them mean that the connection is dead, not that one answer is late. */
const TIMEOUTS_TO_RETIRE = 3;
/** How long the peer may take to close its side of a connection without streams. */
const END_GRACE_MS = 1_000;

export interface Http2ConnectionOptions {
  origin: string;
  tls: () => SecureContextOptions;
  requestTimeoutMs: number;
  connectTimeoutMs: number;
  idlePingMs: number;
  maxConcurrentStreams: number;
  /** Directly unless given. */
  outgoing?: Outgoing;
}

/** How a connection tells its channel. */
export interface ConnectionListener {
  /** It is usable now. */
  opened(): void;
  /** There may be room for requests. */
  room(): void;
  /** It takes no more requests; those in flight go on. */
  retired(connection: Http2Connection): void;
  /** It is gone. `failure` is set when it could not be made. */
  closed(connection: Http2Connection, failure: ChannelErrorReason | null): void;
}

/**
 * One TLS connection with its HTTP/2 session. It is usable from the peer's first SETTINGS on, so that its stream limit is
 * known and a client certificate that the peer refuses (TLS 1.3 tells only after the handshake) costs no request.
 */
export class Http2Connection implements ExchangeOwner {
  private readonly exchanges = new Set<Http2Exchange>();
  private socket: TLSSocket | null = null;
  private session: ClientHttp2Session | null = null;
  private streamLimit = 0;
  private isReady = false;
  private isRetired = false;
  private isClosed = false;
  private lastAcceptedStreamId = Infinity;
  private timeoutsInARow = 0;
  private connectTimer: NodeJS.Timeout | undefined;
  private idleTimer: NodeJS.Timeout | undefined;
  private endTimer: NodeJS.Timeout | undefined;
  private failure: ChannelErrorReason | null = 'ConnectFailed';
  /** Ends what is asked of the proxy. */
  private readonly stopped = new AbortController();

  constructor(
    private readonly options: Http2ConnectionOptions,
    private readonly listener: ConnectionListener,
  ) {}

  get ready(): boolean {
    return this.isReady;
  }

  get broken(): boolean {
    return this.session === null || this.session.destroyed;
  }

  get lastStreamId(): number {
    return this.lastAcceptedStreamId;
  }

  /** Streams that may be opened now. */
  get room(): number {
    if (!this.isReady || this.isRetired || this.session === null || this.session.closed) return 0;
    return this.streamLimit - this.exchanges.size;
  }

  /** Begins to connect. The result goes to the listener; nothing is thrown. */
  open(): void {
    this.connectTimer = setTimeout(() => this.abandon('ConnectTimeout'), this.options.connectTimeoutMs);
    const { host, port } = hostAndPort(this.options.origin);
    const proxy = (this.options.outgoing ?? DIRECTLY).proxyTo(host, port);
    if (proxy === null) return this.begin({ host, port });
    void this.beginThrough(proxy, host, port);
  }

  private async beginThrough(proxy: ProxyAddress, host: string, port: number): Promise<void> {
    let socket: Socket;
    try {
      socket = await openTunnel(proxy, host, port, this.stopped.signal);
    } catch (error) {
      if (this.failure === 'ConnectFailed') this.failure = proxyFailureOf(error) ?? this.failure;
      return this.onClose();
    }
    if (!this.isRetired) return this.begin({ host, socket });
    socket.destroy();
    this.onClose();
  }

  /** TLS and the session, over a connection that is there or to be made. */
  private begin(to: { host: string; port: number } | { host: string; socket: Socket }): void {
    try {
      this.socket = this.openSocket(to);
    } catch {
      this.failure = 'TlsFailed';
      process.nextTick(() => this.onClose());
      return;
    }
    const socket = this.socket;
    const session = connectHttp2(this.options.origin, {
      createConnection: () => socket,
      settings: { enablePush: false },
    });
    this.session = session;
    socket.on('secureConnect', () => {
      if (socket.alpnProtocol !== 'h2') this.abandon('TlsFailed');
    });
    // Not all TLS errors reach the session: an alert after the handshake leaves it waiting.
    socket.on('error', (error) => {
      this.onError(error);
      socket.destroy();
    });
    // The socket's end, and not the session's: after `close()` a session waits for its peer's FIN as long as that takes.
    socket.on('close', () => this.onClose());
    session.on('remoteSettings', (settings) => {
      this.streamLimit = Math.min(settings.maxConcurrentStreams ?? Infinity, this.options.maxConcurrentStreams);
      this.becomeReady();
      this.listener.room();
    });
    session.on('goaway', (_code, lastStreamId) => this.onGoaway(lastStreamId));
    session.on('error', (error) => this.onError(error));
    // A frame that belongs to no stream cannot be sent: Node closes the session by itself.
    session.on('frameError', () => this.retire());
  }

  /** Sends a request on a stream of its own. False = the session takes no more, the request was not touched. */
  send(request: Http2Request): boolean {
    const session = this.session;
    if (session === null || this.room <= 0) return false;
    try {
      const stream = session.request(request.headers, { endStream: false });
      this.exchanges.add(new Http2Exchange(this, request, stream, this.options.requestTimeoutMs));
      this.idleTimer?.refresh();
      // The session has used up its stream numbers.
      if (stream.id === undefined) this.retire();
      return true;
    } catch (error) {
      if (session.closed || session.destroyed) {
        this.retire();
        return false;
      }
      request.reject(new ChannelError('InvalidRequest', { cause: error }));
      return true;
    }
  }

  /** Takes no more requests and closes after the last answer. */
  retire(): void {
    if (this.isRetired) return;
    this.isRetired = true;
    clearTimeout(this.idleTimer);
    this.listener.retired(this);
    if (!this.isReady) this.giveUp();
    else this.endWhenDrained();
  }

  /** Its credentials are out of date: retires. When it is not usable yet, that does not count as a failed connection. */
  discard(): void {
    if (!this.isReady) this.failure = null;
    this.retire();
  }

  /** Closes now; what is in flight fails. */
  destroy(): void {
    this.retire();
    this.giveUp();
  }

  private giveUp(): void {
    this.stopped.abort();
    this.socket?.destroy();
  }

  settled(outcome: 'answered' | 'timeout' | 'failed'): void {
    if (outcome === 'answered') this.timeoutsInARow = 0;
    if (outcome === 'timeout' && ++this.timeoutsInARow >= TIMEOUTS_TO_RETIRE) this.retire();
  }

  finished(exchange: Http2Exchange): void {
    this.exchanges.delete(exchange);
    if (this.isRetired) this.endWhenDrained();
    else this.listener.room();
  }

  /** Throws when the credentials are not usable. */
  private openSocket(to: { host: string; port: number } | { host: string; socket: Socket }): TLSSocket {
    return connectTls({
      ...this.options.tls(),
      ...to,
      servername: isIP(to.host) ? undefined : to.host,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['h2'],
      // Said here because NODE_TLS_REJECT_UNAUTHORIZED would otherwise decide.
      rejectUnauthorized: true,
    });
  }

  private becomeReady(): void {
    if (this.isReady) return;
    this.isReady = true;
    clearTimeout(this.connectTimer);
    this.listener.opened();
    this.idleTimer = setTimeout(() => this.pingWhenIdle(), this.options.idlePingMs);
    this.idleTimer.unref();
  }

  private onGoaway(lastStreamId: number): void {
    this.lastAcceptedStreamId = Math.min(this.lastAcceptedStreamId, lastStreamId);
    this.retire();
    for (const exchange of [...this.exchanges]) if (exchange.unprocessed) exchange.cancel('GoAway');
  }

  private onError(error: Error): void {
    if (!this.isReady && this.failure === 'ConnectFailed' && isTlsError(error)) this.failure = 'TlsFailed';
    this.retire();
  }

  private onClose(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    clearTimeout(this.connectTimer);
    clearTimeout(this.endTimer);
    this.retire();
    for (const exchange of [...this.exchanges]) exchange.cancel(exchange.unprocessed ? 'GoAway' : 'ConnectionLost');
    this.listener.closed(this, this.isReady ? null : this.failure);
  }

  private abandon(failure: ChannelErrorReason): void {
    this.failure = failure;
    this.destroy();
  }

  private pingWhenIdle(): void {
    const session = this.session;
    if (session === null || session.destroyed || this.isRetired) return;
    this.idleTimer?.refresh();
    if (this.exchanges.size > 0) return;
    const unanswered = setTimeout(() => this.destroy(), this.options.connectTimeoutMs);
    unanswered.unref();
    const sent = session.ping((error) => {
      clearTimeout(unanswered);
      if (error) this.destroy();
    });
    if (!sent) this.destroy();
  }

  private endWhenDrained(): void {
    if (this.exchanges.size > 0 || this.session === null || this.endTimer) return;
    this.session.close();
    this.endTimer = setTimeout(() => this.socket?.destroy(), END_GRACE_MS);
  }
}

function hostAndPort(origin: string): { host: string; port: number } {
  const { hostname, port } = new URL(origin);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 443 : Number(port) };
}

/** TLS errors carry OpenSSL's or Node's own codes; what the system says about the network is like ECONNREFUSED. */
function isTlsError(error: Error): boolean {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return code === 'EPROTO' || !/^E[A-Z]+$/.test(code);
}
