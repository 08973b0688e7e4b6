import { type PushContent, type Urgency } from '../../providers/push-content.js';
import { type Provider, PROVIDERS, type StoredTarget } from '../../providers/push-transport.js';
import { type StoredAccount, type StoredId } from '../../sealing/sealing.js';

/**
 * `intake` holds new items, `large` those for so many devices that they are looked up page by page; each provider has a lane
 * of items that wait for it. `aside` holds items that three processes died with; nothing claims them.
 */
export const LANES = ['intake', 'large', ...PROVIDERS, 'aside'] as const;
export type Lane = (typeof LANES)[number];

/** Devices of one provider. */
export interface PushAddress {
  provider: Provider;
  targets: StoredTarget[];
}

/** What the queue is asked to keep. Times are UTC epoch milliseconds. */
export interface NewQueueItem {
  /** UUID that the notification keeps through all its attempts. */
  notificationId: string;
  lane: Lane;
  /** Whom it is for, as stored: a Session id, a closed group id or an account. One recipient's flood does not starve others. */
  recipient: StoredId | StoredAccount;
  content: PushContent;
  urgency: Urgency;
  /** The devices still to reach; null = they are looked up at intake. */
  to: PushAddress | null;
  /** Of the lane `large`: where the next page of the provider's devices begins, as the resolver wrote it. `to` has none. */
  cursor?: string;
  acceptedAt: number;
  expiresAt: number;
  /** Not to be claimed earlier. */
  availableAt: number;
  /** How often the push failed so far. */
  attempts: number;
}

export interface QueueItem extends NewQueueItem {
  id: string;
}

/** What one lane holds, items that are being worked on included. */
export interface LaneDepth {
  lane: Lane;
  count: number;
  /** UTC epoch milliseconds; null = the lane is empty. */
  oldestAcceptedAt: number | null;
  /** Since when an item could have been claimed, UTC epoch milliseconds; null = nothing is due. */
  dueSince: number | null;
}

/**
 * Where accepted notifications wait. What `add` acknowledged is on disk and stays there until `settle` says what
 * became of it; after a crash everything that was claimed and not settled is claimed again.
 */
export abstract class NotificationQueue {
  /** Resolves when the item is on disk. */
  abstract add(item: NewQueueItem): Promise<void>;

  /**
   * Up to `limit` items of the lane that are due; of a provider's lane those that were accepted last. No other claim gets them
   * until they are settled.
   */
  abstract claim(lane: Lane, limit: number): Promise<QueueItem[]>;

  /**
   * Suspects: items that a process had claimed when it died, one of which may have caused that. `claim` never returns them.
   * The next suspects are given when the last are settled: many together of one death, a single one of two deaths. An item
   * with three deaths is set aside, and the operator is told.
   *
   * @param deaths how many at most
   */
  abstract claimSuspects(deaths: 1 | 2): Promise<QueueItem[]>;

  /** Up to `limit` items of the lane that are not claimed and whose time to live is over, due or not. */
  abstract claimExpired(lane: Lane, limit: number): Promise<QueueItem[]>;

  /** Forgets the item and keeps what is left to do of it, both or neither. */
  abstract settle(id: string, later: NewQueueItem[]): Promise<void>;

  /** Makes items due that were put off, by a clock that was wrong, until later than that time (UTC epoch milliseconds). */
  abstract makeDue(time: number): Promise<void>;

  /** How much there is, lane by lane; empty lanes may be left out. It may have to look at every item. */
  abstract depth(): Promise<LaneDepth[]>;

  /** Rejects when an item could not be added now. Leaves nothing behind. */
  abstract probe(): Promise<void>;

  /** Calls `listener` when an item that was just added can be claimed; items that become due with time are found by asking. */
  abstract onAdded(listener: () => void): void;

  /** Resolves when everything handed over is written. */
  abstract flush(): Promise<void>;

  /** Gives back items that are claimed and not settled, so that they do not count as suspects after a stop in good order. */
  abstract release(): Promise<void>;
}
