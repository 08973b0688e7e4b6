import { type OutgoingHttpHeaders } from 'node:http2';
import { ChannelError, type ChannelErrorReason, type Http2Answer } from './http2-answer.js';
import { type ConnectionListener, Http2Connection, type Http2ConnectionOptions } from './http2-connection.js';
import { type Http2Request } from './http2-exchange.js';
import { ReconnectPace } from './reconnect-pace.js';

/** More waiting requests than any worker has in flight; a bound all the same. */
const MAX_WAITING = 10_000;
/** How long `close` waits for answers before it gives them up. */
const CLOSE_GRACE_MS = 5_000;

/**
 * - `origin`: `https://host:port`
 * - `tls`: read anew for each connection: ca, cert, key, passphrase or pfx
 * - `requestTimeoutMs`: from opening the stream to the end of the answer; also the longest wait for a free stream
 * - `connectTimeoutMs`: until the peer's first SETTINGS; also the longest wait for the answer to a ping
 * - `idlePingMs`: a connection without requests for so long is pinged, and replaced when it does not answer
 * - `maxConcurrentStreams`: our own upper bound; the peer's SETTINGS may lower it at any time
 */
export type Http2ChannelOptions = Http2ConnectionOptions;

interface WaitingRequest extends Http2Request {
  /** On the clock of `performance.now()`. */
  until: number;
}

/**
 * A long-lived HTTP/2 connection to one origin (RFC 9113), opened when first needed and replaced when it goes bad: after
 * a GOAWAY, an error, three time-outs in a row or an unanswered ping. What was in flight on the old one goes on to its end.
 * Requests beyond the stream limit in force wait in line. It never resends: that is for those who know what a request does.
 */
export class Http2Channel implements ConnectionListener {
  private readonly options: Http2ChannelOptions;
  private readonly pace = new ReconnectPace();
  private readonly connections = new Set<Http2Connection>();
  private current: Http2Connection | null = null;
  private waiting: WaitingRequest[] = [];
  private queueTimer: NodeJS.Timeout | undefined;
  private connectTimer: NodeJS.Timeout | undefined;
  private closing: Promise<void> | null = null;
  private whenAllClosed: (() => void) | null = null;

  constructor(options: Http2ChannelOptions) {
    this.options = options;
  }

  /**
   * Sends one request with a body and collects the answer, whatever its status. Rejects with a {@link ChannelError} and
   * nothing else, at the latest after twice `requestTimeoutMs`.
   */
  request(headers: OutgoingHttpHeaders, body: string): Promise<Http2Answer> {
    return new Promise((resolve, reject) => {
      if (this.closing) return reject(new ChannelError('Closed'));
      if (this.waiting.length >= MAX_WAITING) return reject(new ChannelError('QueueFull'));
      const request = { headers, body, resolve, reject };
      if (this.waiting.length === 0 && this.current?.send(request)) return;
      this.waiting.push({ ...request, until: performance.now() + this.options.requestTimeoutMs });
      this.pump();
    });
  }

  /** Credentials changed: new requests go to a new connection, the old one ends when its requests have. */
  renew(): void {
    this.current?.discard();
  }

  /** Lets requests in flight end (5 s at most), then closes the connections. What still waits fails as `Closed`. */
  close(): Promise<void> {
    this.closing ??= this.closeNow();
    return this.closing;
  }

  opened(): void {
    this.pace.opened(performance.now());
  }

  room(): void {
    this.pump();
  }

  retired(connection: Http2Connection): void {
    // One that never became usable stays current until it is gone, so that nobody connects a second time beside it.
    if (this.current !== connection || !connection.ready) return;
    this.current = null;
    // Not within this call: the connection is still changing its own state.
    process.nextTick(() => this.pump());
  }

  closed(connection: Http2Connection, failure: ChannelErrorReason | null): void {
    this.connections.delete(connection);
    if (this.current === connection) this.current = null;
    if (failure) this.connectFailed(failure);
    else this.pump();
    if (this.connections.size === 0) this.whenAllClosed?.();
  }

  private pump(): void {
    while (this.waiting.length > 0) {
      this.current ??= this.connect();
      const request = this.waiting[0];
      if (!request || !this.current?.send(request)) break;
      this.waiting.shift();
    }
    this.watchQueue();
  }

  private connect(): Http2Connection | null {
    if (this.connectTimer) return null;
    const delay = this.pace.delay(performance.now());
    if (delay > 0) {
      this.connectTimer = setTimeout(() => {
        this.connectTimer = undefined;
        this.pump();
      }, delay);
      return null;
    }
    const connection = new Http2Connection(this.options, this);
    this.connections.add(connection);
    connection.open();
    return connection;
  }

  /** Rejects all requests that waited for this connection, with the reason why there is none. */
  private connectFailed(failure: ChannelErrorReason): void {
    this.pace.failed(performance.now(), Math.random());
    const waiting = this.waiting;
    this.waiting = [];
    for (const request of waiting) request.reject(new ChannelError(failure));
    this.watchQueue();
  }

  /** All wait equally long, so the first in line is the first to give up. */
  private watchQueue(): void {
    const first = this.waiting[0];
    if (!first) {
      clearTimeout(this.queueTimer);
      this.queueTimer = undefined;
      return;
    }
    this.queueTimer ??= setTimeout(
      () => {
        this.queueTimer = undefined;
        const now = performance.now();
        while (this.waiting[0] && this.waiting[0].until <= now) {
          this.waiting.shift()?.reject(new ChannelError('QueueTimeout'));
        }
        this.watchQueue();
      },
      Math.max(1, first.until - performance.now()),
    );
  }

  private async closeNow(): Promise<void> {
    clearTimeout(this.connectTimer);
    for (const request of this.waiting.splice(0)) request.reject(new ChannelError('Closed'));
    this.watchQueue();
    for (const connection of [...this.connections]) connection.discard();
    if (this.connections.size === 0) return;
    const allClosed = new Promise<void>((resolve) => {
      this.whenAllClosed = resolve;
    });
    const giveUp = setTimeout(() => {
      for (const connection of [...this.connections]) connection.destroy();
    }, CLOSE_GRACE_MS);
    await allClosed;
    clearTimeout(giveUp);
  }
}
