import { type Provider, type PushTarget } from '../transports/push-transport.js';

/** `intake` holds notifications whose devices are not looked up yet; each provider has a lane of what waits for it. */
export type Lane = 'intake' | Provider;

/** What the queue is asked to keep. Times are UTC epoch milliseconds. */
export interface NewQueueItem {
  /** UUID that the notification keeps through all its attempts. */
  notificationId: string;
  lane: Lane;
  /** The Session id or closed group id that `notify` named. */
  recipient: string;
  /** The sender's text; null = it is too large for every provider, the phone is woken without it. */
  data: string | null;
  /** The devices still to reach; null in the intake lane. */
  targets: PushTarget[] | null;
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

  /** Up to `limit` items of the lane that are due; of a provider's lane those that were accepted last. Nobody else gets them until they are settled. */
  abstract claim(lane: Lane, limit: number): Promise<QueueItem[]>;

  /** Up to `limit` items of the lane that nobody has and whose time to live is over, due or not. */
  abstract claimExpired(lane: Lane, limit: number): Promise<QueueItem[]>;

  /** Forgets the item and keeps what is left to do of it, both or neither. */
  abstract settle(id: string, later: NewQueueItem[]): Promise<void>;

  /** How much there is, lane by lane; empty lanes may be left out. It may have to look at every item. */
  abstract depth(): Promise<LaneDepth[]>;

  /** Rejects when an item could not be added now. Leaves nothing behind. */
  abstract probe(): Promise<void>;

  /** Calls `listener` when an item that was just added can be claimed; items that become due with time are found by asking. */
  abstract onAdded(listener: () => void): void;

  /** Resolves when everything handed over is written. */
  abstract flush(): Promise<void>;
}
