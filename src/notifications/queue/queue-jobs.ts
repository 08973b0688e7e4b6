import { type BulkJobOptions } from 'bullmq';
import { type Lane, type NewQueueItem } from './notification-queue.js';

/** Items that share a job: one round trip and one lock for all of them, and they are sent again together after a crash. */
const MAX_ITEMS_PER_JOB = 64;

/** Items that become due within this are put into one job, which is due when the last of them is. */
const DUE_TOGETHER_MS = 100;

/** BullMQ takes the lowest priority number first, from 1 to 2^21 - 1. */
const PRIORITIES = 2 ** 21 - 1;
const PRIORITY_STEP_MS = 2000;

/** What a BullMQ job carries. Its name tells about it, so that counting needs not read the items. */
export interface Batch {
  items: NewQueueItem[];
}

export interface BatchJob {
  name: string;
  data: Batch;
  opts: BulkJobOptions;
}

/** The jobs that keep these items, by lane. `now` is in UTC epoch milliseconds. */
export function toJobs(items: readonly NewQueueItem[], now: number): Map<Lane, BatchJob[]> {
  const jobs = new Map<Lane, BatchJob[]>();
  for (const [lane, ofLane] of Map.groupBy(items, (item) => item.lane)) {
    const byDue = Map.groupBy(ofLane, (item) => dueTogether(item.availableAt, now));
    jobs.set(
      lane,
      [...byDue].flatMap(([due, together]) => inPieces(together).map((piece) => toJob(lane, piece, due - now))),
    );
  }
  return jobs;
}

function toJob(lane: Lane, items: NewQueueItem[], delay: number): BatchJob {
  const opts: BulkJobOptions = { removeOnComplete: true, removeOnFail: true, ...(delay > 0 ? { delay } : {}) };
  const newestFirst = items.toSorted((a, b) => b.acceptedAt - a.acceptedAt);
  const [newest, oldest] = [newestFirst.at(0)?.acceptedAt ?? 0, newestFirst.at(-1)?.acceptedAt ?? 0];
  const name = `${items.length}:${oldest}`;
  if (lane === 'intake') return { name, data: { items }, opts };
  return { name, data: { items: newestFirst }, opts: { ...opts, priority: priorityOf(newest) } };
}

/** Item count and oldest acceptance (UTC epoch milliseconds) from a job's name. */
export function parseJobName(name: string): { count: number; oldestAcceptedAt: number } {
  const [count, oldest] = name.split(':', 2);
  return { count: Number(count), oldestAcceptedAt: Number(oldest) };
}

/** The newer, the lower. It starts again every 48 days, which is longer than any notification lives. */
function priorityOf(acceptedAt: number): number {
  return PRIORITIES - (Math.floor(acceptedAt / PRIORITY_STEP_MS) % PRIORITIES);
}

function dueTogether(availableAt: number, now: number): number {
  return availableAt <= now ? now : now + Math.ceil((availableAt - now) / DUE_TOGETHER_MS) * DUE_TOGETHER_MS;
}

function inPieces(items: NewQueueItem[]): NewQueueItem[][] {
  return Array.from({ length: Math.ceil(items.length / MAX_ITEMS_PER_JOB) }, (_, index) =>
    items.slice(index * MAX_ITEMS_PER_JOB, (index + 1) * MAX_ITEMS_PER_JOB),
  );
}
