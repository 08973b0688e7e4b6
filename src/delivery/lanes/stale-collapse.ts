import { LRUCache } from 'lru-cache';

export type CollapseDecision = 'send' | 'send-without-content' | 'collapse';

const MAX_DEVICES = 50_000;

/** The fields of a push by which stale ones are collapsed. */
export interface StalePush {
  notificationId: string;
  /** UTC epoch milliseconds. */
  acceptedAt: number;
}

interface Places {
  taken: number;
  /** The newest push that got a place. */
  newest: StalePush;
  /** What was accepted until then is told of by a push without content; UTC epoch milliseconds. */
  toldUntil: number;
}

/**
 * After an outage, what waited for one device is collapsed into its newest few pushes plus one without content.
 *
 * Asked for each stale push when it is about to go out, newest first; it remembers per device how many went in this
 * catching up, so nothing has to be gathered before. A push that did not arrive gives its place back, and the newest
 * one always goes: older ones may have taken its place while it waited for its next try. Only what was accepted before a push
 * without content went is collapsed into it: for what came later, another one goes.
 */
export class StaleCollapse {
  /** Made when first needed: it takes the memory for all devices at once. */
  private places: LRUCache<string, Places> | null = null;

  constructor(
    private readonly keepPerDevice: number,
    private readonly windowMs: number,
  ) {}

  /** Anything but `collapse` takes one of the device's places. */
  decide(token: string, { notificationId, acceptedAt }: StalePush): CollapseDecision {
    const push = { notificationId, acceptedAt };
    const { windowMs } = this;
    this.places ??= new LRUCache({ max: MAX_DEVICES, ttl: windowMs, ttlResolution: Math.min(1000, windowMs) });
    const { taken, newest, toldUntil } = this.places.get(token) ?? { taken: 0, newest: push, toldUntil: -Infinity };
    const isNewest = notificationId === newest.notificationId || acceptedAt > newest.acceptedAt;
    if (isNewest || taken < this.keepPerDevice) {
      this.places.set(token, { taken: taken + 1, newest: isNewest ? push : newest, toldUntil });
      return 'send';
    }
    if (taken > this.keepPerDevice && acceptedAt <= toldUntil) return 'collapse';
    this.places.set(token, { taken: taken + 1, newest, toldUntil: newest.acceptedAt });
    return 'send-without-content';
  }

  giveBack(token: string): void {
    const places = this.places?.get(token);
    if (places && places.taken > 0) this.places?.set(token, { ...places, taken: places.taken - 1 });
  }
}
