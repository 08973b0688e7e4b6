import { LRUCache } from 'lru-cache';
import { type DeliveryTuning } from './delivery-tuning.js';

/** The bounds are per minute. */
export const WINDOW_MS = 60_000;
const MAX_RECIPIENTS = 50_000;

export type LimitDecision =
  | { pass: true }
  /** `wakeAt` is set for the first one over the bound: the phones are woken once, without content, at that time. */
  | { pass: false; wakeAt: number | null };

export interface RecipientBounds {
  notificationsPerMinute: number;
  /** Devices times notifications: a large group reaches this one first. */
  pushesPerMinute: number;
}

export const recipientBounds = (tuning: DeliveryTuning): RecipientBounds => ({
  notificationsPerMinute: tuning.maxPerRecipientAndMinute,
  pushesPerMinute: tuning.maxPushesPerRecipientAndMinute,
});

/** Injection token of the {@link RecipientLimiter}. */
export const RECIPIENT_LIMITER = Symbol('RECIPIENT_LIMITER');

/** Counts per recipient and minute, so that a flood for one, or one with many devices, cannot starve the others. */
export interface RecipientLimiter {
  /** `now` is in UTC epoch milliseconds, of about this moment. */
  take(recipient: string, devices: number, now: number): LimitDecision | Promise<LimitDecision>;
}

interface Window {
  start: number;
  notifications: number;
  pushes: number;
  folding: boolean;
}

/** The bound of one process, in memory. */
export class RecipientLimit implements RecipientLimiter {
  private readonly windows = new LRUCache<string, Window>({ max: MAX_RECIPIENTS });

  constructor(private readonly bounds: RecipientBounds) {}

  take(recipient: string, devices: number, now: number): LimitDecision {
    let window = this.windows.get(recipient);
    if (!window || now >= window.start + WINDOW_MS) {
      window = { start: now, notifications: 0, pushes: 0, folding: false };
      this.windows.set(recipient, window);
    }
    const { notificationsPerMinute, pushesPerMinute } = this.bounds;
    if (window.notifications < notificationsPerMinute && window.pushes < pushesPerMinute) {
      window.notifications++;
      window.pushes += devices;
      return { pass: true };
    }
    const wakeAt = window.folding ? null : window.start + WINDOW_MS;
    window.folding = true;
    return { pass: false, wakeAt };
  }
}
