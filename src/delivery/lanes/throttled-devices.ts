import { LRUCache } from 'lru-cache';

const MAX_DEVICES = 20_000;

/** Devices that their provider asked us to leave alone for a while. */
export class ThrottledDevices {
  /** Made when first needed: it takes the memory for all of them at once. */
  private until: LRUCache<string, number> | null = null;

  add(token: string, until: number): void {
    this.until ??= new LRUCache({ max: MAX_DEVICES });
    this.until.set(token, until);
  }

  /** Until when the device is to be left alone, on the clock of `now`, which must not step; null = it is not throttled. */
  waitUntil(token: string, now: number): number | null {
    const until = this.until?.get(token);
    return until !== undefined && until > now ? until : null;
  }
}
