import { LRUCache } from 'lru-cache';

export type FoldDecision = 'send' | 'send-without-content' | 'fold';

const MAX_DEVICES = 20_000;

/**
 * After an outage, what waited for one device is folded into its newest few pushes plus one without content.
 *
 * Asked for each stale push when it is about to go out, newest first; it remembers per device how many went in this
 * catching up, so nothing has to be gathered before.
 */
export class StaleFold {
  private readonly sent: LRUCache<string, number>;

  constructor(
    private readonly keepPerDevice: number,
    windowMs: number,
  ) {
    this.sent = new LRUCache({ max: MAX_DEVICES, ttl: windowMs, ttlResolution: Math.min(1000, windowMs) });
  }

  decide(token: string): FoldDecision {
    const before = this.sent.get(token) ?? 0;
    this.sent.set(token, before + 1);
    if (before < this.keepPerDevice) return 'send';
    return before === this.keepPerDevice ? 'send-without-content' : 'fold';
  }
}
