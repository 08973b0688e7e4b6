import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { MINUTE_MS } from '../common/durations.js';

export const REMEMBER_MS = 10 * MINUTE_MS;
/** With what it costs to keep them, some 20 MB. */
const MAX_ANSWERS = 50_000;
/** An answer has some 150 bytes, or that for each item of a list. */
const MAX_BYTES = 8 * 1024 * 1024;

export interface SealedAnswer {
  readonly body: Buffer;
  /** Nothing else could be answered to the same request; false when it may be done at a second try. */
  readonly isFinal: boolean;
}

/**
 * Answers a request that arrives again, byte for byte, with the answer that it got, and does not run it again.
 *
 * Apps seal every try anew. The same bytes are therefore a replay: by a service node that would register a token again after
 * its owner unregistered it, or by a proxy that got no answer. Answers are kept for some minutes and per process: requests
 * of the legacy API carry no time, so an older replay cannot be recognised.
 *
 * Only bytes that could be opened are remembered, which takes the key that sealed them, so a stranger cannot make somebody
 * else's request count as a replay. Memory is bounded: the oldest answers are forgotten first.
 */
@Injectable()
export class RecentAnswers {
  private readonly underWay = new Map<string, Promise<SealedAnswer>>();
  /** As Latin-1 text, because a small Buffer keeps 8 KB of others' alive. */
  private readonly answers = new LRUCache<string, string>({
    max: MAX_ANSWERS,
    maxSize: MAX_BYTES,
    sizeCalculation: (answer) => answer.length,
    ttl: REMEMBER_MS,
    perf: { now: () => performance.now() },
  });

  /** Null = these bytes are new. */
  find(fingerprint: string): Buffer | Promise<Buffer> | null {
    const answer = this.answers.get(fingerprint);
    if (answer !== undefined) return Buffer.from(answer, 'latin1');
    return this.underWay.get(fingerprint)?.then(({ body }) => body) ?? null;
  }

  /** Keeps the answer that `work` gives, and what it is working on. */
  async keep(fingerprint: string, work: Promise<SealedAnswer>): Promise<Buffer> {
    this.underWay.set(fingerprint, work);
    try {
      const { body, isFinal } = await work;
      if (isFinal) this.answers.set(fingerprint, body.toString('latin1'));
      return body;
    } finally {
      this.underWay.delete(fingerprint);
    }
  }
}
