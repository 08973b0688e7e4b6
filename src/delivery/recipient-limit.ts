import { LRUCache } from 'lru-cache';
import { Injectable } from '@nestjs/common';
import { DeliveryTuning } from './delivery-tuning.js';

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

/** Counts per recipient and minute, so that a flood for one, or one with many devices, cannot starve the others. */
export abstract class RecipientLimiter {
  /** `now` is in UTC epoch milliseconds, of about this moment. What is alone more than the bound passes first. */
  abstract take(recipient: string, devices: number, now: number): LimitDecision | Promise<LimitDecision>;
}

interface Window {
  start: number;
  notifications: number;
  pushes: number;
  collapsing: boolean;
}

/** The bound of one process, in memory. */
@Injectable()
export class RecipientLimit extends RecipientLimiter {
  private readonly windows = new LRUCache<string, Window>({ max: MAX_RECIPIENTS });
  private readonly bounds: RecipientBounds;

  constructor(tuning: DeliveryTuning) {
    super();
    this.bounds = recipientBounds(tuning);
  }

  override take(recipient: string, devices: number, now: number): LimitDecision {
    let window = this.windows.get(recipient);
    // A clock that is set back begins a minute too.
    if (!window || now >= window.start + WINDOW_MS || now < window.start) {
      window = { start: now, notifications: 0, pushes: 0, collapsing: false };
      this.windows.set(recipient, window);
    }
    const { notificationsPerMinute, pushesPerMinute } = this.bounds;
    const fits = window.pushes === 0 || window.pushes + devices <= pushesPerMinute;
    if (window.notifications < notificationsPerMinute && fits) {
      window.notifications++;
      window.pushes += devices;
      return { pass: true };
    }
    const wakeAt = window.collapsing ? null : window.start + WINDOW_MS;
    window.collapsing = true;
    return { pass: false, wakeAt };
  }
}
