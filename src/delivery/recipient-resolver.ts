import { type Provider, type StoredTarget } from '../providers/push-transport.js';
import { type QueueItem } from './queue/notification-queue.js';
import { type Counter } from '../statistics/statistics-counts.js';

/** Whom a notification goes to. */
export interface Recipients {
  /** `large`: too many to be taken at once; they come in pages. */
  readonly targets: ReadonlyMap<Provider, StoredTarget[]> | 'large';
  /** What it is counted as. */
  readonly counters: readonly Counter[];
}

/** Some of a large recipient's devices at one provider. */
export interface RecipientPage {
  readonly targets: StoredTarget[];
  /** Devices that are left out, because one recipient has more of them than anybody has phones. */
  readonly leftOut: number;
  /** Where the next page begins; null = this was the last. At most 255 characters of ASCII. */
  readonly next: string | null;
}

/** Finds the devices of an item that was queued without them. A feature that queues such items implements it. */
export abstract class RecipientResolver {
  /**
   * Whom these go to: all of them, or from the first on as many as have `maxDevices` devices in sum, and one at least.
   * What it reads is bounded by devices and not by recipients.
   */
  abstract find(
    recipients: readonly QueueItem['recipient'][],
    maxDevices: number,
  ): Promise<Map<QueueItem['recipient'], Recipients>>;

  /** @param from where the page begins; the empty text is the beginning */
  abstract page(recipient: QueueItem['recipient'], provider: Provider, from: string): Promise<RecipientPage>;
}
