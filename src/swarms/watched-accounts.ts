import { type SignedAccount } from './wire/monitor-request.protocol.js';
import { type Report } from './wire/notify-message.protocol.js';
import { type PlaceRange } from './wire/swarm-space.protocol.js';

export interface AccountPage {
  /** One for each signature. Those of an account are next to each other, and all in one page. */
  readonly accounts: readonly SignedAccount[];
  /** Where the next page begins; null = this was the last. */
  readonly next: string | null;
}

/** Port: the accounts that are to be watched. They are too many for memory and are read in pages. */
export abstract class WatchedAccounts {
  /** The coarse places in which there are accounts. */
  abstract placesInUse(): Promise<Iterable<number>>;
  /**
   * The accounts to watch in a range of coarse places. The order is the implementation's; every account that was there
   * before the first page was read is in one of the pages.
   *
   * @param after where to go on, as an earlier page said; null = from the beginning
   */
  abstract page(range: PlaceRange, after: string | null, limit: number): Promise<AccountPage>;
  /**
   * How many accounts there are in a range of coarse places, each once however many phones it has.
   *
   * @param belongs whether an account counts in the first and the last place, which may be a neighbour's too
   */
  abstract count(range: PlaceRange, belongs: (account: Buffer) => boolean): Promise<number>;
}

/** Port: takes what nodes report. */
export abstract class ReportSink {
  /** Resolves when the report is kept for good. A rejection lets another node's report of the same message have its turn. */
  abstract message(report: Report): Promise<void>;
  /**
   * Nodes refuse this account's signature because it is too old or wrong. May be called more than once. Asking nodes again
   * is of no use until a phone has signed anew.
   */
  abstract refused(account: SignedAccount, reason: 'stale' | 'bad-signature'): Promise<void>;
}
