import { LRUCache } from 'lru-cache';

const WINDOW_MS = 60_000;
const MAX_RECIPIENTS = 50_000;

export type LimitDecision =
  | { pass: true }
  /** `wakeAt` is set for the first one over the bound: the phones are woken once, without content, at that time. */
  | { pass: false; wakeAt: number | null };

/** Counts the notifications per recipient and minute, so that a flood for one cannot starve the others. */
export class RecipientLimit {
  private readonly windows = new LRUCache<string, { start: number; count: number }>({ max: MAX_RECIPIENTS });

  constructor(private readonly maxPerMinute: number) {}

  take(recipient: string, now: number): LimitDecision {
    let window = this.windows.get(recipient);
    if (!window || now >= window.start + WINDOW_MS) {
      window = { start: now, count: 0 };
      this.windows.set(recipient, window);
    }
    window.count++;
    if (window.count <= this.maxPerMinute) return { pass: true };
    return { pass: false, wakeAt: window.count === this.maxPerMinute + 1 ? window.start + WINDOW_MS : null };
  }
}
