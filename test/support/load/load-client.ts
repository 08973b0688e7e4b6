import { setTimeout as sleep } from 'node:timers/promises';
import { type JsonObject } from '../../../src/encoding/json.js';
import { openReply } from '../../../src/onion/protocol/onion-client.js';
import { type Life, type SupervisedServer } from './supervised-server.js';

/** A service node gives up after this long. */
const PATIENCE_MS = 25_000;

export type Outcome =
  | { kind: 'answered'; done: boolean; message: string }
  /** The connection ended without an answer: it may have happened or not. */
  | { kind: 'cut' }
  /** The server said that it could not: it may have happened or not. */
  | { kind: 'failed' };

export class Tally {
  requests = 0;
  acknowledged = 0;
  cut = 0;
  /** HTTP 5xx and inner 500. */
  failed = 0;
  slowestMs = 0;
  /** Answers that a well-formed request must never get. */
  readonly unexpected: string[] = [];
}

/** Sends onion requests of both versions to whatever life the server is in. */
export class LoadClient {
  readonly tally = new Tally();

  constructor(private readonly server: SupervisedServer) {}

  /** Waits for the server when it is down. When the connection is cut, returns after the life it was cut in is over. */
  async send(endpoint: string, args: JsonObject): Promise<Outcome> {
    const life = await this.server.life();
    const version = Math.random() < 0.5 ? 'v2' : 'v4';
    const { path, body, context } = life.onion.seal(endpoint, args, { version });
    const began = performance.now();
    this.tally.requests++;
    let response: { status: number; bytes: Buffer };
    try {
      const answer = await fetch(`${life.onion.url}${path}`, {
        method: 'POST',
        body,
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      response = { status: answer.status, bytes: Buffer.from(await answer.arrayBuffer()) };
    } catch (error) {
      return this.noAnswer(life, error);
    } finally {
      this.tally.slowestMs = Math.max(this.tally.slowestMs, performance.now() - began);
    }
    if (response.status >= 500) return this.failed();
    if (response.status !== 200) return this.unexpected(`HTTP ${response.status} to ${endpoint}`);
    const reply = openReply(context, response.bytes);
    if (reply.status >= 500) return this.failed();
    const message = String(reply.body['message']);
    if (reply.status !== 200) return this.unexpected(`${reply.status} ${message} to ${endpoint}`);
    this.tally.acknowledged++;
    return { kind: 'answered', done: reply.body['code'] === 1, message };
  }

  private async noAnswer(life: Life, error: unknown): Promise<Outcome> {
    if (error instanceof Error && error.name === 'TimeoutError') {
      return this.unexpected(`no answer within ${PATIENCE_MS} ms`);
    }
    this.tally.cut++;
    // What the server still does with the request must be over before anybody counts on the outcome.
    const ended = await Promise.race([life.ended.then(() => true), sleep(PATIENCE_MS, false)]);
    return ended ? { kind: 'cut' } : this.unexpected('a connection was cut and the server lives on');
  }

  private failed(): Outcome {
    this.tally.failed++;
    return { kind: 'failed' };
  }

  private unexpected(what: string): Outcome {
    this.tally.unexpected.push(what);
    return { kind: 'failed' };
  }
}
