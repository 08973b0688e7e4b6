import { LRUCache } from 'lru-cache';

export type FoldDecision = 'send' | 'send-without-content' | 'fold';

const MAX_DEVICES = 50_000;

/**
 * After an outage, what waited for one device is folded into its newest few pushes plus one without content.
 *
 * Asked for each stale push when it is about to go out, newest first; it remembers per device how many went in this
 * catching up, so nothing has to be gathered before. A push that did not arrive gives its place back.
 */
export class StaleFold {
  private readonly places: LRUCache<string, number>;

  constructor(
    private readonly keepPerDevice: number,
    windowMs: number,
  ) {
    this.places = new LRUCache({ max: MAX_DEVICES, ttl: windowMs, ttlResolution: Math.min(1000, windowMs) });
  }

  /** Anything but `fold` takes one of the device's places. */
  decide(token: string): FoldDecision {
    const taken = this.places.get(token) ?? 0;
    if (taken > this.keepPerDevice) return 'fold';
    this.places.set(token, taken + 1);
    return taken < this.keepPerDevice ? 'send' : 'send-without-content';
  }

  giveBack(token: string): void {
    const taken = this.places.get(token);
    if (taken !== undefined && taken > 0) this.places.set(token, taken - 1);
  }
}
