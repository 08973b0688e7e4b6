import { type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type Socket } from 'node:net';

export interface ConnectionLimits {
  readonly max: number;
  /** How long a connection may be idle between two requests. */
  readonly keepAliveMs: number;
  /** The same while nearly as many are open as may be. */
  readonly shortKeepAliveMs: number;
}

/** From this share of the most on, idle connections are not kept for long. */
const NEARLY_FULL = 0.8;

/**
 * Bounds the connections of a server. One too many does not turn the newcomer away, which would let whoever came first
 * keep everybody else out: the one that has been idle for the longest time goes, and when none is idle, the one whose
 * request is unfinished for the longest. A request that is complete is answered.
 */
export class ConnectionLimit {
  private count = 0;
  /** In the order in which they fell idle; one that has not finished its first header is idle. */
  private readonly idle = new Set<Socket>();
  /** The latest request of each of the others, in the order in which they came. */
  private readonly busy = new Map<Socket, IncomingMessage>();

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
    for (const socket of this.idle) socket.destroy();
    for (const [socket, request] of this.busy) if (!request.complete) socket.destroy();
  }

  private opened(socket: Socket): void {
    this.count++;
    socket.once('close', () => this.closed(socket));
    if (this.count > this.limits.max) this.makeRoom(socket);
    if (!socket.destroyed) this.idle.add(socket);
    this.setKeepAlive();
  }

  private asked(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    this.idle.delete(socket);
    this.busy.delete(socket);
    this.busy.set(socket, request);
    response.once('close', () => {
      // Another request may have come behind this one.
      if (this.busy.get(socket) !== request) return;
      this.busy.delete(socket);
      if (!socket.destroyed) this.idle.add(socket);
    });
  }

  private closed(socket: Socket): void {
    this.count--;
    this.idle.delete(socket);
    this.busy.delete(socket);
    this.setKeepAlive();
  }

  private makeRoom(newcomer: Socket): void {
    const victim = this.longestIdle() ?? this.longestUnfinished() ?? newcomer;
    this.idle.delete(victim);
    this.busy.delete(victim);
    this.onClosed();
    victim.destroy();
  }

  private longestIdle(): Socket | undefined {
    const [first] = this.idle;
    return first;
  }

  private longestUnfinished(): Socket | undefined {
    for (const [socket, request] of this.busy) if (!request.complete) return socket;
    return undefined;
  }

  private setKeepAlive(): void {
    const { max, keepAliveMs, shortKeepAliveMs } = this.limits;
    this.server.keepAliveTimeout = this.count > max * NEARLY_FULL ? shortKeepAliveMs : keepAliveMs;
  }
}
