import { LRUCache } from 'lru-cache';

const MAX_DEVICES = 20_000;

/** Devices that their provider asked us to leave alone for a while. */
export class ThrottledDevices {
  private readonly until = new LRUCache<string, number>({ max: MAX_DEVICES });

  add(token: string, until: number): void {
    this.until.set(token, until);
  }

  /** UTC epoch milliseconds until which the device is to be left alone; null = it is not throttled. */
  waitUntil(token: string, now: number): number | null {
    const until = this.until.get(token);
    return until !== undefined && until > now ? until : null;
  }
}
