import { Injectable } from '@nestjs/common';
import { MINUTE_MS } from '../config/durations.js';
import { RecentValues } from '../common/bounds/recent-values.js';

export const REMEMBER_MS = 10 * MINUTE_MS;
/** With what it costs to find them, 25 MB at most. */
const MAX_ANSWERS = 100_000;
/** An answer has some 150 bytes, or that for each item of a list. */
const MAX_BYTES = 16 * 1024 * 1024;

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
  private readonly answers = new RecentValues({
    periodMs: REMEMBER_MS,
    maxKeys: MAX_ANSWERS,
    maxBytes: MAX_BYTES,
  });

  /** Null = these bytes are new. */
  find(fingerprint: string): Buffer | Promise<Buffer> | null {
    return this.answers.find(fingerprint) ?? this.underWay.get(fingerprint)?.then(({ body }) => body) ?? null;
  }

  /** Keeps the answer that `work` gives, and what it is working on. */
  async keep(fingerprint: string, work: Promise<SealedAnswer>): Promise<Buffer> {
    this.underWay.set(fingerprint, work);
    try {
      const { body, isFinal } = await work;
      if (isFinal) this.answers.set(fingerprint, body);
      return body;
    } finally {
      this.underWay.delete(fingerprint);
    }
  }
}
