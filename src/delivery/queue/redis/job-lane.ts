import { ErrorCode, type Job, type Queue, type Worker } from 'bullmq';
import { type Lane, type NewQueueItem, type QueueItem } from '../notification-queue.js';
import { type Batch, itemsOf } from './queue-jobs.js';
import { type SuspectJobs } from './suspect-jobs.js';

/** Jobs fetched at the same time, once it shows that there are several. */
const MAX_FETCHES = 8;

/** The oldest jobs, among which expired ones are looked for. */
const MAX_OLDEST = 16;

/** A job that this process holds the lock of, with what is not settled of it. */
interface OpenJob {
  job: Job<Batch>;
  token: string;
  /** How many it brought. */
  items: number;
  unsettled: Map<string, NewQueueItem>;
  /** Items were settled since Redis last heard what is left. */
  changed: boolean;
}

/** Codes with which BullMQ says that the job is not ours any more: its lock expired and another process has it or had it. */
const TAKEN_OVER: ReadonlySet<unknown> = new Set([
  ErrorCode.JobNotExist,
  ErrorCode.JobLockNotExist,
  ErrorCode.JobNotInState,
  ErrorCode.JobLockMismatch,
]);

/**
 * The consuming side of one lane: fetches jobs when items are asked for, keeps their locks, and completes each when
 * all its items are settled.
 */
export class JobLane {
  private readonly ready: QueueItem[] = [];
  private readonly readySuspects: QueueItem[] = [];
  private readonly open = new Set<OpenJob>();
  private readonly jobOf = new Map<string, OpenJob>();
  private waiting: Promise<void> | null = null;
  private fetched = 0;
  private closed = false;

  constructor(
    private readonly lane: Lane,
    private readonly queue: Queue<Batch>,
    private readonly worker: Worker<Batch>,
    private readonly lockMs: number,
    private readonly suspects: SuspectJobs,
    private readonly completed: (items: number) => void,
  ) {}

  /** Up to `limit` items that nobody else has. */
  async claim(limit: number): Promise<QueueItem[]> {
    for (let fetches = 1; this.ready.length < limit; fetches = Math.min(fetches * 2, MAX_FETCHES)) {
      const jobs = await Promise.allSettled(Array.from({ length: fetches }, () => this.fetch(false)));
      const failed = jobs.find((result) => result.status === 'rejected');
      // What the others brought stays ready for the next call.
      if (failed) throw failed.reason;
      if (jobs.some((result) => result.status === 'fulfilled' && !result.value)) break;
    }
    return this.ready.splice(0, limit);
  }

  /** Of a job that processes crashed on, if one was fetched; such items do not come out of `claim`. */
  claimSuspects(): QueueItem[] {
    return this.readySuspects.splice(0);
  }

  /**
   * Takes out jobs of which every item has expired at `now` (UTC epoch milliseconds). They are forgotten with
   * that: nothing is lost with them.
   */
  async takeExpired(limit: number, now: number): Promise<QueueItem[]> {
    const oldest = await Promise.all([
      this.queue.getJobs('prioritized', 0, MAX_OLDEST - 1),
      this.queue.getJobs('delayed', 0, MAX_OLDEST - 1, true),
      // From the other lanes what waits in order is claimed sooner than it would be found here.
      ...(this.lane === 'aside' ? [this.queue.getJobs('waiting', 0, MAX_OLDEST - 1, true)] : []),
    ]);
    const taken: QueueItem[] = [];
    for (const job of oldest.flat()) {
      if (taken.length >= limit) break;
      const items = itemsOf(job.data);
      if (items.some(({ expiresAt }) => expiresAt > now)) continue;
      // Somebody may have claimed it meanwhile.
      if (!(await job.remove().then(() => true, isLocked))) continue;
      taken.push(...items.map((item, index) => ({ ...item, id: `expired:${job.id}:${index}` })));
    }
    return taken;
  }

  /** Asks Redis to tell when there is a job, takes it, and calls `arrived`. One question at a time. */
  waitForJob(arrived: () => void): void {
    if (this.waiting || this.closed) return;
    this.waiting = this.untilFetched()
      // Asking again is up to the next claim, which sees the error too.
      .then(arrived, () => undefined)
      .finally(() => (this.waiting = null));
  }

  has(id: string): boolean {
    return this.jobOf.has(id);
  }

  /** Forgets an item; with the last one of its job the job is complete. */
  async settle(id: string): Promise<void> {
    const open = this.jobOf.get(id);
    if (!open) return;
    open.unsettled.delete(id);
    open.changed = true;
    if (open.unsettled.size === 0) {
      await ignoreTakenOver(open.job.moveToCompleted(null, open.token, false));
      this.open.delete(open);
      this.suspects.cleared(open.token);
      this.completed(open.items);
    }
    this.jobOf.delete(id);
  }

  /**
   * Keeps the locks of all open jobs, and tells Redis what is left of those that are settled in part, so that a crash
   * does not bring back what is done.
   */
  async renew(): Promise<void> {
    const jobs = [...this.open].filter(({ unsettled }) => unsettled.size > 0);
    if (jobs.length === 0) return;
    await this.worker.extendJobLocks(
      jobs.map(({ job }) => job.id ?? ''),
      jobs.map(({ token }) => token),
      this.lockMs,
    );
    await Promise.all(jobs.filter(({ changed }) => changed).map((open) => this.tellWhatIsLeft(open)));
  }

  /** Gives back what is not settled, so that others need not wait until the locks expire. */
  async close(): Promise<void> {
    this.closed = true;
    await this.worker.close(true);
    await this.waiting;
    await Promise.all([...this.open].map((open) => this.giveBack(open)));
  }

  /** A wait may end without a job: the sign of one that was fetched without waiting is still there. */
  private async untilFetched(): Promise<void> {
    while (!this.closed && !(await this.fetch(true)));
  }

  private async fetch(block: boolean): Promise<boolean> {
    const token = `${this.worker.id}:${this.fetched++}`;
    const job = await this.worker.getNextJob(token, { block });
    if (!job) return false;
    const verdict = await this.suspects.judge(this.lane, job, token);
    if (verdict === 'dealt-with') return true;
    const items = itemsOf(job.data);
    const open: OpenJob = { job, token, items: items.length, unsettled: new Map(), changed: false };
    this.open.add(open);
    items.forEach((item, index) => {
      const id = `${token}:${index}`;
      open.unsettled.set(id, item);
      this.jobOf.set(id, open);
      (verdict === 'suspect' ? this.readySuspects : this.ready).push({ ...item, id });
    });
    return true;
  }

  private async tellWhatIsLeft(open: OpenJob): Promise<void> {
    open.changed = false;
    try {
      await ignoreTakenOver(open.job.updateData({ ...open.job.data, items: [...open.unsettled.values()] }));
    } catch (error) {
      open.changed = true;
      throw error;
    }
  }

  private async giveBack(open: OpenJob): Promise<void> {
    if (open.unsettled.size === 0) {
      await ignoreTakenOver(open.job.moveToCompleted(null, open.token, false));
      return;
    }
    if (open.changed) await this.tellWhatIsLeft(open);
    await ignoreTakenOver(this.suspects.acquit(open.job, open.token));
    await ignoreTakenOver(open.job.moveToWait(open.token));
  }
}

/** BullMQ has no code for it. False: it is locked; any other error is thrown on. */
function isLocked(error: unknown): false {
  if (error instanceof Error && error.message.includes('locked')) return false;
  throw error;
}

async function ignoreTakenOver(done: Promise<unknown>): Promise<void> {
  try {
    await done;
  } catch (error) {
    const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
    if (!TAKEN_OVER.has(code)) throw error;
  }
}
