import { once } from 'node:events';
import { createServer as createHttp1Server, type IncomingHttpHeaders, type Server as Http1Server } from 'node:http';
import { constants, performServerHandshake, type ServerHttp2Session } from 'node:http2';
import { type AddressInfo, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket } from 'node:tls';
import { type Identity } from './certificates.js';
import { type Exchange, Http1Exchange, Http2Exchange, Http2Peer } from './exchange.js';
import { type ClientCertificate, type Connection, type GatewayRequest } from './messages.js';

const MAX_BODY_BYTES = 4 * 1024 * 1024;

export interface ListenerOptions {
  readonly identity: Identity;
  /** PEM of the authority that client certificates must come from. */
  readonly ca: string;
  readonly requestClientCertificate: boolean;
  readonly allowHttp1: boolean;
  readonly maxConcurrentStreams: number;
  readonly onConnection: () => void;
  readonly onPing: () => void;
  readonly onExchange: (exchange: Exchange) => void;
}

/** A TLS port that speaks HTTP/2 and, when allowed, HTTP/1.1, and can be made to misbehave below HTTP. */
export class Listener {
  port = 0;
  private readonly tls: TlsServer;
  private readonly http1: Http1Server;
  private readonly sockets = new Set<Socket>();
  private readonly sessions = new Set<ServerHttp2Session>();
  private readonly http1Connections = new WeakMap<object, Connection>();
  private maxConcurrentStreams: number;
  private lastConnectionId = 0;

  constructor(private readonly options: ListenerOptions) {
    this.maxConcurrentStreams = options.maxConcurrentStreams;
    this.http1 = createHttp1Server({ keepAliveTimeout: 65_000 }, (request, response) => {
      const connection = this.http1Connections.get(request.socket);
      if (!connection) throw new Error('a request on a socket that was not handed over');
      collect(request, (body) => {
        const { method = '', url: path = '', headers, rawHeaders } = request;
        options.onExchange(
          new Http1Exchange(toRequest(method, path, headers, rawHeaders, body, connection), request, response),
        );
      });
    });
    this.tls = createTlsServer({
      ...this.secureContext(options.identity),
      requestCert: options.requestClientCertificate,
      rejectUnauthorized: false,
      ALPNProtocols: options.allowHttp1 ? ['h2', 'http/1.1'] : ['h2'],
    });
    this.tls.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('error', ignore);
    });
    this.tls.on('secureConnection', (socket) => this.accept(socket));
    this.tls.on('tlsClientError', ignore);
  }

  get openConnections(): number {
    return this.sockets.size;
  }

  get listening(): boolean {
    return this.tls.listening;
  }

  /** Listens on the loopback; 0 = any free port, which stays the same over {@link stop}. */
  async listen(port: number): Promise<void> {
    this.tls.listen(port, '127.0.0.1');
    await once(this.tls, 'listening');
    this.port = (this.tls.address() as AddressInfo).port;
  }

  /** Ends every connection at once; new ones are refused. */
  async stop(): Promise<void> {
    if (!this.tls.listening) return;
    const closed = once(this.tls, 'close');
    this.tls.close();
    this.destroyConnections();
    await closed;
  }

  destroyConnections(): void {
    for (const session of this.sessions) session.destroy();
    for (const socket of this.sockets) socket.destroy();
  }

  /** A graceful GOAWAY on every HTTP/2 session: what is in flight is answered. */
  goAway(): void {
    for (const session of this.sessions) session.close();
  }

  /** Sent to the sessions that are open, and the first settings of later ones. */
  setMaxConcurrentStreams(limit: number): void {
    this.maxConcurrentStreams = limit;
    for (const session of this.sessions) {
      if (!session.destroyed && !session.closed) session.settings({ maxConcurrentStreams: limit });
    }
  }

  /** New handshakes see this certificate; open connections stay. */
  setIdentity(identity: Identity): void {
    this.tls.setSecureContext(this.secureContext(identity));
  }

  private secureContext(identity: Identity): { cert: string; key: string; ca: string } {
    return { cert: identity.cert, key: identity.key, ca: this.options.ca };
  }

  private accept(socket: TLSSocket): void {
    socket.on('error', ignore);
    const protocol = socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1';
    if (protocol !== 'h2' && !this.options.allowHttp1) return void socket.destroy();
    const clientCertificate = this.options.requestClientCertificate ? clientCertificateOf(socket) : null;
    const connection: Connection = { id: ++this.lastConnectionId, protocol, clientCertificate };
    this.options.onConnection();
    if (protocol === 'h2') return this.serveHttp2(socket, connection);
    this.http1Connections.set(socket, connection);
    this.http1.emit('connection', socket);
  }

  private serveHttp2(socket: TLSSocket, connection: Connection): void {
    const { maxConcurrentStreams } = this;
    const session = performServerHandshake(socket, { settings: { maxConcurrentStreams } });
    const peer = new Http2Peer(session, socket);
    this.sessions.add(session);
    session.on('close', () => this.sessions.delete(session));
    session.on('error', ignore);
    session.on('ping', () => this.options.onPing());
    session.on('stream', (stream, headers, _flags, rawHeaders) => {
      stream.on('error', ignore);
      peer.track(stream);
      collect(stream, (body) => {
        if (peer.ignores(stream)) {
          stream.close(constants.NGHTTP2_REFUSED_STREAM);
          return;
        }
        const { ':method': method = '', ':path': path = '' } = headers;
        const request = toRequest(method, path, headers, rawHeaders, body, connection);
        this.options.onExchange(new Http2Exchange(request, stream, peer));
      });
    });
  }
}

/** Calls back with the whole body; never when the sender gives up before its end. */
function collect(stream: NodeJS.ReadableStream & { destroy(): void }, whole: (body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) stream.destroy();
    else chunks.push(chunk);
  });
  stream.on('end', () => whole(Buffer.concat(chunks)));
}

function toRequest(
  method: string,
  path: string,
  parsedHeaders: IncomingHttpHeaders,
  rawHeaders: readonly string[],
  body: Buffer,
  connection: Connection,
): GatewayRequest {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(parsedHeaders)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const repeatedHeaders = names.filter((name, index) => names.indexOf(name) !== index);
  return { method, path, headers, repeatedHeaders, body, connection };
}

function clientCertificateOf(socket: TLSSocket): ClientCertificate | null {
  const { subject } = socket.getPeerCertificate();
  if (!subject) return null;
  const uid = (subject as unknown as Record<string, string | string[] | undefined>)['UID'];
  return { trusted: socket.authorized, topic: typeof uid === 'string' ? uid : null };
}

/** A peer that goes away is an ordinary event for a server. */
function ignore(): void {}
