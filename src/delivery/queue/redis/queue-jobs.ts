import { type BulkJobOptions } from 'bullmq';
import { inPieces } from '../../../common/bounds/in-pieces.js';
import { legacyContent } from '../../../providers/push-content.js';
import { PROVIDERS, type StoredTarget } from '../../../providers/push-transport.js';
import { type Lane, type NewQueueItem } from '../notification-queue.js';

/** Items that share a job: one round trip and one lock for all of them, and they are sent again together after a crash. */
const MAX_ITEMS_PER_JOB = 64;

/** Items that become due within this are put into one job, which is due when the last of them is. */
const DUE_TOGETHER_MS = 100;

/** BullMQ takes the lowest priority number first, from 1 to 2^21 - 1. Items accepted within a step are alike. */
const PRIORITIES = 2 ** 21 - 1;
const PRIORITY_STEP_MS = 5000;

/** An item as version 0.1.0 put it into a job: without kinds of content, and with devices of the lane's provider. */
type FormerItem = Omit<NewQueueItem, 'content' | 'urgency' | 'to'> & {
  content?: undefined;
  data: string | null;
  targets: StoredTarget[] | null;
};

/** What a BullMQ job carries. Its name tells about it, so that counting needs not read the items. */
export interface Batch {
  items: (NewQueueItem | FormerItem)[];
  /** How many processes crashed on the items, the one that works on them now included; absent = none that is known yet. */
  deaths?: number;
}

/** The items of a job, whichever version of the server added it. */
export function itemsOf({ items }: Batch): NewQueueItem[] {
  return items.map((item) => (item.content === undefined ? upgraded(item) : item));
}

function upgraded({ data, targets, ...item }: FormerItem): NewQueueItem {
  const provider = PROVIDERS.find((name) => name === item.lane);
  const to = targets === null || provider === undefined ? null : { provider, targets };
  return { ...item, content: legacyContent(data), urgency: 'high', to };
}

export interface BatchJob {
  name: string;
  data: Batch;
  opts: BulkJobOptions;
}

/** The jobs that keep these items, by lane. `now` is in UTC epoch milliseconds. */
export function toJobs(items: readonly NewQueueItem[], now: number): Map<Lane, BatchJob[]> {
  const together = Map.groupBy(items, ({ lane, availableAt, acceptedAt }) =>
    [lane, dueTogether(availableAt, now), isInOrder(lane) ? 0 : priorityOf(acceptedAt)].join(),
  );
  const jobs = [...together.values()]
    .flatMap((alike) => inPieces(alike, MAX_ITEMS_PER_JOB))
    .map((piece) => toJob(piece, now));
  return new Map(Map.groupBy(jobs, ({ lane }) => lane));
}

/** Of what waits for a provider the newest comes first. */
const isInOrder = (lane: Lane): boolean => lane === 'intake' || lane === 'large';

/** Each item of a job that processes crashed on gets a job of its own. */
export function toSingleJobs({ items }: Batch, deaths: number, now: number): BatchJob[] {
  return itemsOf({ items }).map((item) => {
    const { name, data, opts } = toJob([item], now);
    return { name, data: { ...data, deaths }, opts };
  });
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
      ...(isInOrder(lane) ? {} : { priority: priorityOf(Math.max(...acceptedAt)) }),
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
