import { type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type Socket } from 'node:net';

export interface ConnectionLimits {
  readonly max: number;
  /** How long a connection may be idle between two requests. */
  readonly keepAliveMs: number;
  /** The same while nearly as many are open as may be. */
  readonly shortKeepAliveMs: number;
}

interface Connection {
  /** The latest; null = it is idle, as is one that has not finished its first header. */
  request: IncomingMessage | null;
  /** A number that rises with each change of any of them. */
  since: number;
}

/** From this share of the most on, idle connections are not kept for long. */
const NEARLY_FULL = 0.8;

/**
 * Bounds the connections of a server. One too many does not turn the newcomer away, which would let whoever came first
 * keep everybody else out: the one that has been idle for the longest time goes, and when none is idle, the one whose
 * request is unfinished for the longest. A request that is complete is answered.
 */
export class ConnectionLimit {
  private readonly connections = new Map<Socket, Connection>();
  private changes = 0;

  private constructor(
    private readonly server: Server,
    private readonly limits: ConnectionLimits,
    private readonly onClosed: () => void,
  ) {}

  /** @param onClosed called for each connection that is closed to make room */
  static apply(server: Server, limits: ConnectionLimits, onClosed: () => void = () => undefined): ConnectionLimit {
    const limit = new ConnectionLimit(server, limits, onClosed);
    server.keepAliveTimeout = limits.keepAliveMs;
    server.prependListener('connection', (socket: Socket) => limit.opened(socket));
    server.prependListener('request', (request: IncomingMessage, response: ServerResponse) =>
      limit.asked(request, response),
    );
    return limit;
  }

  /** Closes what is not waiting for an answer: connections that are idle, and those whose request is unfinished. */
  closeUnfinished(): void {
    for (const [socket, { request }] of this.connections) if (!request?.complete) socket.destroy();
  }

  private opened(socket: Socket): void {
    socket.once('close', () => this.closed(socket));
    if (this.connections.size >= this.limits.max) this.makeRoom(socket);
    if (!socket.destroyed) this.connections.set(socket, { request: null, since: this.changes++ });
    this.setKeepAlive();
  }

  private asked(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.connections.get(request.socket);
    if (!connection) return;
    connection.request = request;
    connection.since = this.changes++;
    response.once('close', () => {
      // Another request may have come behind this one.
      if (connection.request !== request) return;
      connection.request = null;
      connection.since = this.changes++;
    });
  }

  private closed(socket: Socket): void {
    this.connections.delete(socket);
    this.setKeepAlive();
  }

  private makeRoom(newcomer: Socket): void {
    const victim =
      this.longest(({ request }) => request === null) ??
      this.longest(({ request }) => request?.complete === false) ??
      newcomer;
    this.connections.delete(victim);
    this.onClosed();
    victim.destroy();
  }

  /** Looked for among all of them, which is rarely needed, so that a request costs no upkeep. */
  private longest(isMeant: (connection: Connection) => boolean): Socket | null {
    let longest: Socket | null = null;
    let since = Infinity;
    for (const [socket, connection] of this.connections) {
      if (connection.since >= since || !isMeant(connection)) continue;
      longest = socket;
      since = connection.since;
    }
    return longest;
  }

  private setKeepAlive(): void {
    const { max, keepAliveMs, shortKeepAliveMs } = this.limits;
    this.server.keepAliveTimeout = this.connections.size > max * NEARLY_FULL ? shortKeepAliveMs : keepAliveMs;
  }
}
