import { type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { type Agent, request } from 'node:https';
import { type ProxyFailure, proxyFailureOf } from '../../outgoing/tunnel.js';
import { isReady, onceReady } from '../../outgoing/ready-sockets.js';
import { isTunnelled } from '../../outgoing/tunnel-agent.js';
import { type AddressGuard, NOT_PUBLIC, TOO_OFTEN } from './address-guard.js';
import { type Endpoint } from './endpoint.js';

/** Nothing of a body is read; a longer one is cut off together with its connection. */
const MAX_ANSWER_BYTES = 16_384;
const MAX_HEADER_BYTES = 8192;

/** A body may take so long after its status. */
const BODY_MS = 2000;

export interface HostTimes {
  /** Until the connection stands, its name and its handshake included. */
  connectTimeoutMs: number;
  /** From the call to the answer's status. */
  requestTimeoutMs: number;
}

/**
 * Why there is no answer.
 * - `unreachable`: the request never left, so it was surely not processed
 * - `silent`: it left
 */
export interface HostFailure {
  readonly kind: 'unreachable' | 'silent';
  readonly reason:
    | 'NameFailed'
    | 'AddressNotPublic'
    | 'AddressBusy'
    | 'ConnectFailed'
    | 'ConnectTimeout'
    | 'TlsFailed'
    | ProxyFailure
    | 'Timeout'
    | 'ConnectionLost'
    | 'InvalidRequest';
}

interface HostAnswer {
  readonly kind: 'answer';
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

type Stage = 'naming' | 'connecting' | 'handshaking' | 'sent';

const ON_ERROR: Readonly<Record<Stage, HostFailure['reason']>> = {
  naming: 'ConnectFailed',
  connecting: 'ConnectFailed',
  handshaking: 'TlsFailed',
  sent: 'ConnectionLost',
};

const BY_CODE: Readonly<Record<string, HostFailure['reason']>> = {
  [NOT_PUBLIC]: 'AddressNotPublic',
  [TOO_OFTEN]: 'AddressBusy',
  ENOTFOUND: 'NameFailed',
  ENODATA: 'NameFailed',
  ESERVFAIL: 'NameFailed',
  ETIMEOUT: 'NameFailed',
  EREFUSED: 'NameFailed',
  ECANCELLED: 'NameFailed',
};

/**
 * One POST to a stranger's server: bounded in time, headers and answer, never redirected. Never rejects.
 *
 * Once there is a status it counts, whatever becomes of the body.
 */
export function postTo(
  endpoint: Endpoint,
  headers: OutgoingHttpHeaders,
  body: Buffer,
  agent: Agent,
  guard: AddressGuard,
  { connectTimeoutMs, requestTimeoutMs }: HostTimes,
): Promise<HostAnswer | HostFailure> {
  return new Promise((resolve) => {
    let stage: Stage = 'naming';
    const outgoing = openRequest(endpoint.url, headers, agent);
    if (outgoing === null) return resolve({ kind: 'unreachable', reason: 'InvalidRequest' });
    const stopTimers = (): void => {
      clearTimeout(connecting);
      clearTimeout(answering);
    };
    const fail = (reason: HostFailure['reason']): void => {
      stopTimers();
      outgoing.destroy();
      resolve({ kind: stage === 'sent' ? 'silent' : 'unreachable', reason });
    };
    const connecting = setTimeout(() => stage !== 'sent' && fail('ConnectTimeout'), connectTimeoutMs);
    const answering = setTimeout(() => fail(stage === 'sent' ? 'Timeout' : 'ConnectTimeout'), requestTimeoutMs);
    outgoing.on('socket', (socket) => {
      if (isReady(socket)) {
        stage = 'sent';
        return;
      }
      // The proxy was asked for an address that the guard had looked at.
      if (isTunnelled(socket)) stage = 'handshaking';
      else if (!socket.connecting && !guard.permits(endpoint, socket.remoteAddress)) fail('AddressNotPublic');
      socket.once('lookup', () => (stage = 'connecting'));
      socket.once('connect', () => {
        stage = 'handshaking';
        if (!guard.permits(endpoint, socket.remoteAddress)) fail('AddressNotPublic');
      });
      onceReady(socket, () => (stage = 'sent'));
    });
    let answered = false;
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      if (answered) return;
      const known = stage === 'sent' ? undefined : (proxyFailureOf(error) ?? BY_CODE[error.code ?? '']);
      fail(known ?? ON_ERROR[stage]);
    });
    outgoing.on('response', (response) => {
      answered = true;
      stopTimers();
      const { statusCode: status = 0, headers: found } = response;
      drain(response, () => resolve({ kind: 'answer', status, headers: found }));
    });
    outgoing.end(body);
  });
}

/** Reads the body away, so that the connection can be used again, or cuts it off when that is too much or too slow. */
function drain(response: IncomingMessage, done: () => void): void {
  let length = 0;
  const timer = setTimeout(() => response.destroy(), BODY_MS);
  response.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) response.destroy();
  });
  response.on('error', () => undefined);
  response.on('close', () => {
    clearTimeout(timer);
    done();
  });
}

/** Null = a header cannot be put on the wire. */
function openRequest(url: string, headers: OutgoingHttpHeaders, agent: Agent) {
  try {
    return request(url, { method: 'POST', agent, headers, maxHeaderSize: MAX_HEADER_BYTES });
  } catch {
    return null;
  }
}
