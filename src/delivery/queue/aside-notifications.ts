import { type Lane } from './notification-queue.js';

/** Notifications of one lane that were set aside. */
export interface AsideSummary {
  /** Where they were, and where they go back to. */
  lane: Lane;
  count: number;
  /** UTC epoch milliseconds, of the oldest. */
  oldestAcceptedAt: number;
}

/** What the operator can do with notifications that three processes crashed on; a server may be running meanwhile. */
export abstract class AsideNotifications {
  /** Lanes that have none are left out. */
  abstract summary(): Promise<AsideSummary[]>;

  /** Puts all of them back into their lanes, with their count of crashes at zero; returns how many. */
  abstract release(): Promise<number>;

  /** Forgets all of them: they are not delivered. Returns how many. */
  abstract drop(): Promise<number>;
}
