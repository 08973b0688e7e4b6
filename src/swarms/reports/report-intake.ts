import { type TrustedClock } from '../../common/time/trusted-clock.js';
import { type Report } from '../wire/notify-message.protocol.js';
import { type Rest, type SeenMessages } from './seen-messages.js';
import { type ReportSink } from '../watched-accounts.js';

/** What became of a report. */
export type ReportOutcome =
  | 'taken'
  /** Another node, or the same one, reported it before. */
  | 'copy'
  /** Older than the memory of seen messages, from a time in which this server watched: it must have been reported then. */
  | 'late'
  /** The message is gone already. */
  | 'expired'
  /** Not as a report should be. */
  | 'malformed'
  /** Of an account of another swarm. */
  | 'foreign'
  /** It could not be kept. */
  | 'failed';

export interface IntakeTuning {
  /** A report that could not be kept is tried again after these times, the last repeats. */
  readonly retryMs: readonly number[];
  /** Until then; the next copy of it has its turn after that. */
  readonly giveUpMs: number;
}

const DEFAULT_INTAKE_TUNING: IntakeTuning = { retryMs: [250, 1000, 4000, 10_000], giveUpMs: 60_000 };

/** Keeps each message once, however many nodes report it. */
export class ReportIntake {
  private underWay = 0;
  private onIdle: () => void = () => undefined;
  private readonly stopping = new AbortController();

  constructor(
    private readonly seen: SeenMessages,
    private readonly sink: ReportSink,
    private readonly onFailure: (error: unknown) => void,
    private readonly clock: TrustedClock,
    private readonly tuning: IntakeTuning = DEFAULT_INTAKE_TUNING,
  ) {}

  /**
   * Never rejects.
   *
   * @param watchedSince since when every message of its swarm was seen, in epoch milliseconds; null = there was a gap
   */
  async take(report: Report, watchedSince: number | null): Promise<ReportOutcome> {
    const now = this.clock.now();
    if (report.expiresAt <= now) return 'expired';
    const isForgotten = report.storedAt < now - this.seen.memoryMs;
    if (isForgotten && watchedSince !== null && report.storedAt > watchedSince) return 'late';
    this.underWay++;
    try {
      return await this.seen.once(report, (rest) => this.keep(report, rest));
    } catch (error) {
      this.onFailure(error);
      return 'failed';
    } finally {
      this.underWay--;
      if (this.underWay === 0) this.onIdle();
    }
  }

  /** Waits for what is under way, which is not tried again any more, but no longer than so many milliseconds. */
  async stop(withinMs: number): Promise<void> {
    this.stopping.abort();
    if (this.underWay === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.onIdle = resolve;
    const timer = setTimeout(resolve, withinMs);
    await promise;
    clearTimeout(timer);
  }

  private async keep(report: Report, rest: Rest): Promise<void> {
    const { retryMs, giveUpMs } = this.tuning;
    const givesUpAt = performance.now() + giveUpMs;
    for (let failures = 0; ; failures++) {
      try {
        return await this.sink.message(report);
      } catch (error) {
        const wait = retryMs[Math.min(failures, retryMs.length - 1)] ?? 0;
        if (this.stopping.signal.aborted || performance.now() + wait > givesUpAt) throw error;
        this.onFailure(error);
        if (await rest(wait, this.stopping.signal)) return;
      }
    }
  }
}
