import { LRUCache } from 'lru-cache';
import { MINUTE_MS } from '../../config/durations.js';

interface Window {
  readonly start: number;
  readonly seen: Set<string>;
}

/** How many different things a key may do in a minute. Of keys, only the latest are remembered. */
export class MinuteShare {
  private readonly windows: LRUCache<string, Window>;

  constructor(
    private readonly perMinute: number,
    maxKeys: number,
  ) {
    this.windows = new LRUCache({ max: maxKeys });
  }

  /**
   * True: it may, and has from now on. What it did in this minute already, it may again.
   *
   * @param now on the clock of `performance.now()`
   */
  take(key: string, what: string, now: number): boolean {
    let window = this.windows.get(key);
    if (!window || now - window.start >= MINUTE_MS) {
      window = { start: now, seen: new Set() };
      this.windows.set(key, window);
    }
    if (window.seen.has(what)) return true;
    if (window.seen.size >= this.perMinute) return false;
    window.seen.add(what);
    return true;
  }
}
