import { type Job, Queue } from 'bullmq';
import { KEY_PREFIX, type RedisClient } from '../../../redis/redis-client.js';
import { AsideNotifications, type AsideSummary } from '../aside-notifications.js';
import { type Lane, type NewQueueItem } from '../notification-queue.js';
import { type Batch, itemsOf, toJobs } from './queue-jobs.js';

const JOBS_AT_ONCE = 500;

/** The lane `aside` of the queue on Redis, from which no process claims. */
export class RedisAside extends AsideNotifications {
  constructor(private readonly redis: RedisClient) {
    super();
  }

  override async summary(): Promise<AsideSummary[]> {
    const found = new Map<Lane, AsideSummary>();
    await this.forEachPage(async (jobs) => {
      for (const { lane, acceptedAt } of jobs.flatMap((job) => itemsOf(job.data))) {
        const { count, oldestAcceptedAt } = found.get(lane) ?? { count: 0, oldestAcceptedAt: Infinity };
        found.set(lane, { lane, count: count + 1, oldestAcceptedAt: Math.min(oldestAcceptedAt, acceptedAt) });
      }
    });
    return [...found.values()].toSorted((one, other) => (one.lane < other.lane ? -1 : 1));
  }

  /** They are in their lanes before they are gone from here: a crash in between delivers them twice, but never loses them. */
  override release(): Promise<number> {
    return this.empty(async (items) => {
      const now = Date.now();
      const due = items.map((item) => ({ ...item, availableAt: now }));
      for (const [lane, jobs] of toJobs(due, now)) await this.withQueue(lane, (queue) => queue.addBulk(jobs));
    });
  }

  override drop(): Promise<number> {
    return this.empty(async () => undefined);
  }

  private async empty(before: (items: NewQueueItem[]) => Promise<void>): Promise<number> {
    let count = 0;
    await this.forEachPage(async (jobs) => {
      const items = jobs.flatMap((job) => itemsOf(job.data));
      await before(items);
      for (const job of jobs) await job.remove();
      count += items.length;
    });
    return count;
  }

  /** The ids come first: pages of a list that gets shorter would leave some out. */
  private forEachPage(work: (jobs: Job<Batch>[]) => Promise<void>): Promise<void> {
    return this.withQueue('aside', async (queue) => {
      const ids = await queue.getRanges(['waiting', 'prioritized', 'delayed'], 0, -1);
      for (let start = 0; start < ids.length; start += JOBS_AT_ONCE) {
        const page = await Promise.all(ids.slice(start, start + JOBS_AT_ONCE).map((id) => queue.getJob(id)));
        // An expired one may be gone by now.
        await work(page.filter((job) => job !== undefined));
      }
    });
  }

  private async withQueue<T>(lane: Lane, work: (queue: Queue<Batch>) => Promise<T>): Promise<T> {
    const queue = new Queue<Batch>(lane, { connection: this.redis, prefix: KEY_PREFIX });
    // Without a listener BullMQ writes it to the standard error; what was asked for fails with it, too.
    queue.on('error', () => undefined);
    try {
      return await work(queue);
    } finally {
      await queue.close();
    }
  }
}
