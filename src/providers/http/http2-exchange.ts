import {
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { ChannelError, type ChannelErrorReason, type Http2Answer } from './http2-answer.js';

/** Answers of push services are a few hundred bytes; 1,000 refused tokens would still fit. */
const MAX_ANSWER_BYTES = 256 * 1024;
const HEADERS_FRAME = 1;

/** A request that waits for a stream. */
export interface Http2Request {
  headers: OutgoingHttpHeaders;
  body: string;
  resolve: (answer: Http2Answer) => void;
  reject: (error: ChannelError) => void;
}

/** What an exchange needs to know of its connection. */
export interface ExchangeOwner {
  /** The session is gone: an end of data that is seen now may be a torn answer. */
  readonly broken: boolean;
  /** Streams above this one were never processed, the peer said in its GOAWAY. */
  readonly lastStreamId: number;
  /** The caller has got its answer or error. */
  settled(outcome: 'answered' | 'timeout' | 'failed'): void;
  /** The stream no longer counts against the peer's limit. */
  finished(exchange: Http2Exchange): void;
}

/**
 * One request on one stream, from sending to the end of the answer or to the deadline.
 */
export class Http2Exchange {
  private headers: (IncomingHttpHeaders & IncomingHttpStatusHeader) | undefined;
  private readonly chunks: Buffer[] = [];
  private bytes = 0;
  private isSettled = false;
  private isFinished = false;
  private readonly deadline: NodeJS.Timeout;

  constructor(
    private readonly owner: ExchangeOwner,
    private readonly request: Http2Request,
    private readonly stream: ClientHttp2Stream,
    timeoutMs: number,
  ) {
    this.deadline = setTimeout(() => this.expire(), timeoutMs);
    stream.on('response', (headers) => {
      this.headers = headers;
    });
    stream.on('data', (chunk: Buffer) => this.collect(chunk));
    stream.on('end', () => this.end());
    // 'close' follows each error and knows more; without a listener the error would end the process.
    stream.on('error', () => {});
    stream.on('frameError', (type) => {
      if (type === HEADERS_FRAME) this.cancel('RefusedStream');
    });
    stream.on('close', () => this.close());
    stream.end(request.body);
  }

  /** Whether the peer's GOAWAY says that it did not look at this stream. */
  get unprocessed(): boolean {
    return (this.stream.id ?? Infinity) > this.owner.lastStreamId;
  }

  private fail(reason: ChannelErrorReason): void {
    if (this.isSettled) return;
    this.settle(reason === 'Timeout' ? 'timeout' : 'failed');
    this.request.reject(new ChannelError(reason));
  }

  /** Gives the stream up; what the peer still sends for it is ignored. */
  cancel(reason: ChannelErrorReason): void {
    this.fail(reason);
    this.stream.close(constants.NGHTTP2_CANCEL);
    this.finish();
  }

  private collect(chunk: Buffer): void {
    this.bytes += chunk.length;
    if (this.bytes > MAX_ANSWER_BYTES) this.cancel('AnswerTooLarge');
    else this.chunks.push(chunk);
  }

  /** A stream that was torn down also "ends"; only a clean end of a living stream is a whole answer. */
  private end(): void {
    const status = this.headers?.[':status'];
    if (this.isSettled || this.owner.broken || this.stream.rstCode !== constants.NGHTTP2_NO_ERROR) return;
    if (this.headers === undefined || status === undefined) return;
    const body = this.chunks.length === 1 && this.chunks[0] ? this.chunks[0] : Buffer.concat(this.chunks);
    this.settle('answered');
    this.request.resolve({ status, headers: this.headers, body });
  }

  private close(): void {
    if (!this.isSettled) this.fail(this.closeReason());
    this.finish();
  }

  private closeReason(): ChannelErrorReason {
    if (this.unprocessed) return 'GoAway';
    if (this.stream.id === undefined) return 'RefusedStream';
    // On a destroyed session the code is the session's, not this stream's.
    if (this.owner.broken) return 'ConnectionLost';
    return this.stream.rstCode === constants.NGHTTP2_REFUSED_STREAM ? 'RefusedStream' : 'StreamReset';
  }

  private expire(): void {
    this.cancel(this.unprocessed ? 'GoAway' : 'Timeout');
  }

  private settle(outcome: 'answered' | 'timeout' | 'failed'): void {
    this.isSettled = true;
    clearTimeout(this.deadline);
    this.owner.settled(outcome);
  }

  private finish(): void {
    if (this.isFinished) return;
    this.isFinished = true;
    this.owner.finished(this);
  }
}
