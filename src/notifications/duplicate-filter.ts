import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { hash } from 'node:crypto';

/** Clients send the same request up to four times when the answer gets lost on the way. */
export const REMEMBER_MS = 5 * 60_000;
/** About 30 MB; at more than 600 notifications a second the oldest are forgotten early. */
const MAX_REMEMBERED = 200_000;

/**
 * Runs the work for one (recipient, data) once within five minutes. A repeated call shares the first one's outcome;
 * a failure is forgotten at once, so that the client's next try counts.
 */
@Injectable()
export class DuplicateFilter {
  private readonly recent = new LRUCache<string, Promise<void>>({
    max: MAX_REMEMBERED,
    ttl: REMEMBER_MS,
    ttlResolution: 1000,
  });

  /** True: this call did the work. */
  async once(recipient: string, data: string, work: () => Promise<void>): Promise<boolean> {
    const key = duplicateKey(recipient, data);
    const earlier = this.recent.get(key);
    if (earlier) {
      await earlier;
      return false;
    }
    const running = work();
    this.recent.set(key, running);
    try {
      await running;
      return true;
    } catch (error) {
      this.recent.delete(key);
      throw error;
    }
  }
}

/** A digest, so that a memory dump or Redis does not tell who writes to whom. Ids have no spaces. */
export const duplicateKey = (recipient: string, data: string): string =>
  hash('sha256', `${recipient} ${data}`, 'base64');
