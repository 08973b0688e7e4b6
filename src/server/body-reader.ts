import { BadRequestException, PayloadTooLargeException, ServiceUnavailableException } from '@nestjs/common';
import { type FastifyInstance, type FastifyRequest } from 'fastify';
import { type ServerResponse } from 'node:http';
import { type Readable } from 'node:stream';

declare module 'fastify' {
  interface FastifyRequest {
    /** Null = the request has not come as far as the `BodyReader`. */
    response: ServerResponse | null;
  }
}

export interface BodyLimits {
  /** The longest body. */
  readonly maxBytes: number;
  /** What all bodies may hold together, those included that are complete and not answered yet. */
  readonly budgetBytes: number;
}

/** A body of up to so many times the longest is read to its end before it is refused. */
const MAX_DRAINED = 8;

type Done = (error: Error | null, body?: Buffer) => void;

const FIRST_BYTES = 4096;

/** Of every body, as the framework sees it: it finds the reader of one type faster than one of all types. */
const CONTENT_TYPE = 'application/octet-stream';

/**
 * One body on its way. It is copied into one buffer that grows: kept as they come, bytes that arrive one by one would
 * cost a hundred times their size. One that came whole is taken as it is, which most are.
 */
class GrowingBody {
  length = 0;
  private buffer: Buffer = Buffer.alloc(0);

  constructor(readonly giveUp: (error: Error) => void) {}

  get capacity(): number {
    return this.buffer.length;
  }

  get content(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  /** False: the body has begun, or the chunk is a small part of what it would keep alive. */
  adopt(chunk: Buffer): boolean {
    if (this.length > 0 || chunk.length * 2 < chunk.buffer.byteLength) return false;
    this.buffer = chunk;
    this.length = chunk.length;
    return true;
  }

  append(chunk: Buffer, maxBytes: number): void {
    const length = this.length + chunk.length;
    if (length > this.buffer.length) this.grow(length, maxBytes);
    chunk.copy(this.buffer, this.length);
    this.length = length;
  }

  private grow(length: number, maxBytes: number): void {
    const capacity = Math.min(maxBytes, Math.max(length, FIRST_BYTES, this.buffer.length * 2));
    const grown = Buffer.allocUnsafeSlow(capacity);
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }
}

/**
 * Reads every body as bytes: an onion request is the same whatever its content type says, a malformed one included.
 *
 * All bodies share one budget. When it is used up, the largest unfinished body is given up: a real request has a few
 * kilobytes that arrive at once, and a client that holds memory by not finishing holds more than that.
 */
export class BodyReader {
  private held = 0;
  private readonly unfinished = new Set<GrowingBody>();

  /** @param onGivenUp called for each body that was given up for lack of room */
  constructor(
    private readonly limits: BodyLimits,
    private readonly onGivenUp: () => void = () => undefined,
  ) {}

  /** What all bodies hold together. */
  get heldBytes(): number {
    return this.held;
  }

  install(fastify: FastifyInstance): void {
    fastify.removeAllContentTypeParsers();
    fastify.decorateRequest('response', null);
    fastify.addHook('onRequest', (request, reply, done) => {
      request.headers['content-type'] = CONTENT_TYPE;
      request.response = reply.raw;
      done();
    });
    fastify.addContentTypeParser(CONTENT_TYPE, (request, payload, done) => this.read(request, payload, done));
  }

  private read(request: FastifyRequest, payload: Readable, done: Done): void {
    const announced = Number(request.headers['content-length']);
    if (announced > this.limits.maxBytes) {
      refuse(payload, announced <= this.limits.maxBytes * MAX_DRAINED, done);
      return;
    }
    const giveUp = (error: Error): void => {
      // It is complete, or was given up before.
      if (!this.unfinished.delete(body)) return;
      payload.off('data', onData);
      this.held -= body.capacity;
      // What still comes is read and thrown away.
      payload.resume();
      done(error);
    };
    const body = new GrowingBody(giveUp);
    this.unfinished.add(body);
    const onData = (chunk: Buffer): void => {
      if (body.length + chunk.length > this.limits.maxBytes) giveUp(new PayloadTooLargeException());
      else this.take(body, chunk, announced);
    };
    const onEnd = (): void => {
      if (!Number.isNaN(announced) && announced !== body.length) giveUp(new BadRequestException());
      if (!this.unfinished.delete(body)) return;
      request.response?.once('close', () => (this.held -= body.capacity));
      done(null, body.content);
    };
    const onError = (): void => giveUp(new BadRequestException());
    payload.on('data', onData).on('end', onEnd).on('error', onError);
  }

  private take(body: GrowingBody, chunk: Buffer, announced: number): void {
    const before = body.capacity;
    if (chunk.length !== announced || !body.adopt(chunk)) body.append(chunk, this.limits.maxBytes);
    this.held += body.capacity - before;
    while (this.held > this.limits.budgetBytes) {
      const largest = this.largestUnfinished();
      if (!largest) return;
      this.onGivenUp();
      largest.giveUp(new ServiceUnavailableException());
    }
  }

  private largestUnfinished(): GrowingBody | null {
    let largest: GrowingBody | null = null;
    for (const body of this.unfinished) if (!largest || body.capacity > largest.capacity) largest = body;
    return largest;
  }
}

/**
 * The connection ends with the answer. A client that is still sending would meet a broken pipe and not the answer, so what is
 * not much too long is read to its end, and thrown away.
 */
function refuse(payload: Readable, drain: boolean, done: Done): void {
  const answer = (): void => {
    payload.off('end', answer).off('error', answer).off('close', answer);
    done(new PayloadTooLargeException());
  };
  if (!drain) return answer();
  payload.on('end', answer).on('error', answer).on('close', answer);
  payload.resume();
}
