import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIPv6, type Socket } from 'node:net';
import { type ProxyAddress } from '../config/proxy-url.js';

/**
 * Why there is no way through the proxy.
 * - `ProxyFailed`: it cannot be reached, or says nothing in time
 * - `ProxyLogin`: it wants to know who we are (407), or does not believe it (401 from tinyproxy)
 * - `ProxyRefused`: it answered anything else: it may not or cannot lead there
 */
export type ProxyFailure = 'ProxyFailed' | 'ProxyLogin' | 'ProxyRefused';

/** The message is a constant: neither the proxy's address nor the host is in it. */
class ProxyError extends Error {
  override readonly name = 'ProxyError';
  /** As other errors of sockets have it. */
  readonly code: ProxyFailure;

  constructor(
    readonly failure: ProxyFailure,
    options?: ErrorOptions,
  ) {
    super(failure, options);
    this.code = failure;
  }
}

export const proxyFailureOf = (error: unknown): ProxyFailure | null =>
  error instanceof ProxyError ? error.failure : null;

/**
 * Asks the proxy for a way to a host: `CONNECT host:port HTTP/1.1` with `Host` and, when there is a password,
 * `Proxy-Authorization`; any 2xx makes the connection the host's (RFC 9110 §9.3.6).
 *
 * @param host a name, or an address without brackets
 * @returns what leads to the host; nothing has been sent to it
 * @throws {ProxyError}
 */
export function openTunnel(proxy: ProxyAddress, host: string, port: number, signal: AbortSignal): Promise<Socket> {
  const authority = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
  const login = proxy.authorization === null ? {} : { 'proxy-authorization': proxy.authorization };
  const options = {
    method: 'CONNECT',
    host: proxy.host,
    port: proxy.port,
    path: authority,
    headers: { host: authority, ...login },
    agent: false as const,
  };
  return new Promise((resolve, reject) => {
    const fail = (failure: ProxyFailure, cause?: unknown): void => {
      signal.removeEventListener('abort', giveUp);
      outgoing.destroy();
      reject(new ProxyError(failure, { cause }));
    };
    const giveUp = (): void => fail('ProxyFailed', signal.reason);
    const outgoing =
      proxy.protocol === 'https:'
        ? requestHttps({ ...options, minVersion: 'TLSv1.2', rejectUnauthorized: true })
        : requestHttp(options);
    outgoing.on('error', (error) => fail('ProxyFailed', error));
    outgoing.on('connect', ({ statusCode = 0 }, socket: Socket, head) => {
      if (statusCode < 200 || statusCode > 299) {
        socket.destroy();
        fail(statusCode === 407 || statusCode === 401 ? 'ProxyLogin' : 'ProxyRefused');
        return;
      }
      signal.removeEventListener('abort', giveUp);
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
    outgoing.end();
  });
}
