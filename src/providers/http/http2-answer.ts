import { type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2';
import { type ProxyFailure } from '../../outgoing/tunnel.js';

/** A complete answer; `body` is at most 256 KiB. */
export interface Http2Answer {
  status: number;
  headers: IncomingHttpHeaders & IncomingHttpStatusHeader;
  body: Buffer;
}

/**
 * How much is known of a request that got no answer.
 * - `not-processed`: the application at the other end surely never saw it (REFUSED_STREAM, GOAWAY, closed before it left)
 * - `unreachable`: it never left because there is no connection that takes it; also surely not processed
 * - `outcome-unknown`: it left, and nothing tells whether it was acted on
 */
export type ChannelErrorKind = 'not-processed' | 'unreachable' | 'outcome-unknown';

export type ChannelErrorReason =
  | 'RefusedStream'
  | 'GoAway'
  | 'Closed'
  | 'ConnectFailed'
  | 'ConnectTimeout'
  | 'TlsFailed'
  | ProxyFailure
  | 'QueueTimeout'
  | 'QueueFull'
  | 'Timeout'
  | 'StreamReset'
  | 'ConnectionLost'
  | 'AnswerTooLarge'
  | 'InvalidRequest';

const KINDS: Readonly<Record<ChannelErrorReason, ChannelErrorKind>> = {
  RefusedStream: 'not-processed',
  GoAway: 'not-processed',
  Closed: 'not-processed',
  ConnectFailed: 'unreachable',
  ConnectTimeout: 'unreachable',
  TlsFailed: 'unreachable',
  ProxyFailed: 'unreachable',
  ProxyLogin: 'unreachable',
  ProxyRefused: 'unreachable',
  QueueTimeout: 'unreachable',
  QueueFull: 'unreachable',
  Timeout: 'outcome-unknown',
  StreamReset: 'outcome-unknown',
  ConnectionLost: 'outcome-unknown',
  AnswerTooLarge: 'outcome-unknown',
  InvalidRequest: 'outcome-unknown',
};

/** The only thing that a channel's request rejects with. The message is the reason: a constant, free of request data. */
export class ChannelError extends Error {
  readonly kind: ChannelErrorKind;

  constructor(
    readonly reason: ChannelErrorReason,
    options?: ErrorOptions,
  ) {
    super(reason, options);
    this.name = 'ChannelError';
    this.kind = KINDS[reason];
  }
}
