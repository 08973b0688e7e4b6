import { ConcurrencyLimit } from '../../common/bounds/concurrency-limit.js';
import { type Sealing } from '../../sealing/sealing.js';
import { type SubscribeItem } from '../../subscriptions/dto/subscriptions.dto.js';
import { toNewSubscription } from '../../subscriptions/registry/stored-subscription.js';
import { type SubscribeOutcome, type SubscriptionsService } from '../../subscriptions/subscriptions.service.js';
import { type V2Row } from './v2-database.js';
import { itemOf } from './v2-rows.js';

/** One transaction, about; small enough that a running server waits less than a second. */
const BATCH_ROWS = 2048;
/** Batches under way: while one is written, the signatures of the others are judged. */
const BATCHES_AT_ONCE = 4;

/** What became of the rows. Reasons are fixed texts; no row is quoted. */
export interface ImportV2Report {
  readonly dryRun: boolean;
  rows: number;
  /** Were not there. */
  imported: number;
  /** Were signed later than what was there. */
  updated: number;
  /** Are there, or were ended by their phones, and ours is as new or newer. */
  present: number;
  readonly skipped: Record<string, number>;
}

export interface ImportV2Options {
  readonly dryRun: boolean;
  /** MariaDB works on several at a time; SQLite would make one long transaction of them. */
  readonly transactionsAtOnce: number;
  readonly subscriptions: SubscriptionsService;
  readonly sealing: Sealing;
  /** As `Verifiers`. */
  readonly problemsOf: (items: readonly SubscribeItem[], now: number) => Promise<(string | null)[]>;
  readonly onRows: (rows: number) => void;
}

/**
 * Brings the existing push server's subscriptions over: those that `/subscribe` would take. What was signed last counts, as
 * it does there, so it is safe to repeat and to break off.
 *
 * @param pages all rows, by account
 */
export async function importV2(
  pages: AsyncIterable<readonly V2Row[]>,
  options: ImportV2Options,
): Promise<ImportV2Report> {
  const { dryRun, transactionsAtOnce, subscriptions, sealing, problemsOf, onRows } = options;
  const report: ImportV2Report = { dryRun, rows: 0, imported: 0, updated: 0, present: 0, skipped: {} };
  const skip = (reason: string): void => void (report.skipped[reason] = (report.skipped[reason] ?? 0) + 1);
  const writing = new ConcurrencyLimit(transactionsAtOnce);

  await forEachAtOnce(wholeAccounts(pages), BATCHES_AT_ONCE, async (rows) => {
    const read = rows.map(itemOf);
    const items = read.filter((item) => typeof item !== 'string');
    const problems = await problemsOf(items, Math.floor(Date.now() / 1000));
    const good = items.filter((_, index) => problems[index] === null);
    const wanted = good.map((item) => toNewSubscription(sealing, item));
    const outcomes = await writing.run(() => subscriptions.adopt(wanted, !sealing.isOn));
    report.rows += rows.length;
    for (const reason of [...read, ...problems]) if (typeof reason === 'string') skip(reason);
    for (const outcome of outcomes) report[FIGURES[outcome]]++;
    onRows(rows.length);
  });
  return report;
}

const FIGURES = { added: 'imported', updated: 'updated', outdated: 'present' } as const satisfies Record<
  SubscribeOutcome,
  keyof ImportV2Report
>;

/**
 * In batches that divide no account: its bound is looked after within one transaction, and a dry run tells the same as the
 * real one.
 */
async function* wholeAccounts(pages: AsyncIterable<readonly V2Row[]>): AsyncGenerator<readonly V2Row[]> {
  let batch: V2Row[] = [];
  for await (const page of pages) {
    for (const row of page) {
      const last = batch.at(-1);
      if (last && batch.length >= BATCH_ROWS && !last.account.equals(row.account)) {
        yield batch;
        batch = [];
      }
      batch.push(row);
    }
  }
  if (batch.length > 0) yield batch;
}

/** Works on some of the items at a time; after a failure on no more of them. Settles when nothing is under way. */
async function forEachAtOnce<T>(
  items: AsyncGenerator<T>,
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const lane = async (): Promise<void> => {
    try {
      for (let next = await items.next(); !next.done; next = await items.next()) await work(next.value);
    } catch (error) {
      // The other lanes find nothing more.
      await items.return(undefined);
      throw error;
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: atOnce }, lane));
  const failure = ends.find((end) => end.status === 'rejected');
  if (failure) throw failure.reason;
}
