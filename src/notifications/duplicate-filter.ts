import { Injectable } from '@nestjs/common';
import { hash } from 'node:crypto';
import { RecentValues } from '../common/bounds/recent-values.js';

/** Clients send the same request up to four times when the answer gets lost on the way. */
export const REMEMBER_MS = 5 * 60_000;
/** About 15 MB; at more than 300 notifications a second the oldest are forgotten early. */
const MAX_REMEMBERED = 200_000;

/**
 * Runs the work for one (recipient, data) once within five minutes. A repeated call shares the first one's outcome;
 * a failure is forgotten at once, so that the client's next try counts.
 */
@Injectable()
export class DuplicateFilter {
  private readonly underWay = new Map<string, Promise<void>>();
  private readonly done = new RecentValues({ periodMs: REMEMBER_MS, maxKeys: MAX_REMEMBERED });

  /** True: this call did the work. */
  async once(recipient: string, data: string, work: () => Promise<void>): Promise<boolean> {
    const key = duplicateKey(recipient, data);
    if (this.done.has(key)) return false;
    const earlier = this.underWay.get(key);
    if (earlier) {
      await earlier;
      return false;
    }
    const running = work();
    this.underWay.set(key, running);
    try {
      await running;
      this.done.set(key);
      return true;
    } finally {
      this.underWay.delete(key);
    }
  }
}

/** A digest, so that a memory dump or Redis does not tell who writes to whom. Ids have no spaces. */
export const duplicateKey = (recipient: string, data: string): string =>
  hash('sha256', `${recipient} ${data}`, 'base64');
