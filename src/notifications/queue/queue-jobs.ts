import { type BulkJobOptions } from 'bullmq';
import { type Lane, type NewQueueItem } from './notification-queue.js';

/** Items that share a job: one round trip and one lock for all of them, and they are sent again together after a crash. */
const MAX_ITEMS_PER_JOB = 64;

/** Items that become due within this are put into one job, which is due when the last of them is. */
const DUE_TOGETHER_MS = 100;

/** BullMQ takes the lowest priority number first, from 1 to 2^21 - 1. Items accepted within a step are alike. */
const PRIORITIES = 2 ** 21 - 1;
const PRIORITY_STEP_MS = 5000;

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
  const together = Map.groupBy(items, ({ lane, availableAt, acceptedAt }) =>
    [lane, dueTogether(availableAt, now), lane === 'intake' ? 0 : priorityOf(acceptedAt)].join(),
  );
  const jobs = [...together.values()].flatMap(inPieces).map((piece) => toJob(piece, now));
  return new Map(Map.groupBy(jobs, ({ lane }) => lane));
}

function toJob(items: NewQueueItem[], now: number): BatchJob & { lane: Lane } {
  const lane = items[0]?.lane ?? 'intake';
  const times = (of: (item: NewQueueItem) => number): number[] => items.map(of);
  const acceptedAt = times((item) => item.acceptedAt);
  const availableAt = times((item) => item.availableAt);
  const delay = Math.max(...availableAt.map((time) => dueTogether(time, now))) - now;
  return {
    lane,
    name: [items.length, Math.min(...acceptedAt), Math.min(...availableAt)].join(':'),
    data: { items },
    opts: {
      removeOnComplete: true,
      removeOnFail: true,
      ...(delay > 0 ? { delay } : {}),
      ...(lane === 'intake' ? {} : { priority: priorityOf(Math.max(...acceptedAt)) }),
    },
  };
}

/** What a job's name tells; times are UTC epoch milliseconds. */
export interface JobSummary {
  count: number;
  oldestAcceptedAt: number;
  firstAvailableAt: number;
}

export function parseJobName(name: string): JobSummary {
  const [count = 0, oldestAcceptedAt = 0, firstAvailableAt = 0] = name.split(':').map(Number);
  return { count, oldestAcceptedAt, firstAvailableAt };
}

/** The newer, the lower. It starts again every 121 days, which is longer than any notification lives. */
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
