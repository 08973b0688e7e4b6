import { getQueueToken } from '@nestjs/bullmq';
import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { type Queue, Worker } from 'bullmq';
import { Batcher } from '../../../common/bounds/batcher.js';
import { describeError } from '../../../common/words/describe-error.js';
import { OperatorEvents } from '../../../operator/operator-events.js';
import { MetricsService } from '../../../metrics/metrics.service.js';
import { KEY_PREFIX, RedisClient } from '../../../redis/redis-client.js';
import { RedisWatch } from '../../../redis/redis-watch.js';
import { JobLane } from './job-lane.js';
import { SuspectJobs } from './suspect-jobs.js';
import { tellSetAside } from '../set-aside.js';
import {
  type Lane,
  type LaneDepth,
  LANES,
  type NewQueueItem,
  NotificationQueue,
  type QueueItem,
} from '../notification-queue.js';
import { type Batch, type JobSummary, parseJobName, toJobs } from './queue-jobs.js';

/** How long others wait before they take over the jobs of a process that died. */
export abstract class BullmqTimes {
  /** A job is free this long after the last sign of life of its process. */
  abstract readonly lockMs: number;
  /** How often everybody looks for jobs without an owner. */
  abstract readonly stalledMs: number;
  /** How often a process gives a sign of life. */
  abstract readonly renewMs: number;
}

export const DEFAULT_BULLMQ_TIMES: BullmqTimes = Object.freeze({ lockMs: 10_000, stalledMs: 5000, renewMs: 1000 });

const PROBE_KEY = `${KEY_PREFIX}:probe`;
const PROBE_MS = 1000;

const NAMES_AT_ONCE = 1000;

/** What a time is multiplied with to be the score of a delayed job. */
const DELAYED_SCORE = 4096;

/** BullMQ never gives a job up, however many processes die with it: this queue decides about that. */
const MAX_STALLED_COUNT = Number.MAX_SAFE_INTEGER;

/**
 * The queue of several instances: BullMQ on Redis, a queue for each lane. Jobs carry batches, what is put off is a
 * delayed job, and the jobs of a process that died are taken over by others when their locks expire.
 *
 * A process becomes a consumer with its first claim; one that only adds never opens a worker. What is left of an item
 * is added before its job completes: a crash in between delivers it twice, but never loses it.
 */
@Injectable()
export class BullmqQueue extends NotificationQueue implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(BullmqQueue.name);
  private readonly lanes = new Map<Lane, JobLane>();
  /** Settled items whose remains are added, but whose job could not be completed yet. */
  private readonly remainsAdded = new Set<string>();
  private readonly additions = new Batcher<NewQueueItem>((items) => this.addJobs(items));
  private readonly renewal: NodeJS.Timeout;
  private listener: () => void = () => {};
  private readonly suspects = new SuspectJobs(
    (lane) => this.queue(lane),
    (count) => tellSetAside(count, this.events),
  );

  constructor(
    private readonly moduleRef: ModuleRef,
    private readonly redis: RedisClient,
    private readonly times: BullmqTimes,
    private readonly metrics: MetricsService,
    private readonly watch: RedisWatch,
    private readonly events: OperatorEvents,
  ) {
    super();
    this.renewal = setInterval(() => void this.renew(), times.renewMs);
  }

  /** Without a listener BullMQ writes each failed try to connect to the standard error. */
  onModuleInit(): void {
    for (const lane of LANES) this.queue(lane).on('error', (error) => this.report(lane, error));
  }

  override add(item: NewQueueItem): Promise<void> {
    return this.additions.add(item);
  }

  override async claim(lane: Lane, limit: number): Promise<QueueItem[]> {
    const jobs = this.lane(lane);
    const items = await jobs.claim(limit);
    if (items.length === 0 && lane === 'intake') jobs.waitForJob(() => this.listener());
    return items;
  }

  override async claimSuspects(deaths: 1 | 2): Promise<QueueItem[]> {
    this.suspects.allow(deaths);
    return [...this.lanes.values()].flatMap((lane) => lane.claimSuspects());
  }

  override claimExpired(lane: Lane, limit: number): Promise<QueueItem[]> {
    return this.lane(lane).takeExpired(limit, Date.now());
  }

  override async settle(id: string, later: NewQueueItem[]): Promise<void> {
    if (later.length > 0 && !this.remainsAdded.has(id)) {
      await Promise.all(later.map((item) => this.additions.add(item)));
      this.remainsAdded.add(id);
    }
    for (const lane of this.lanes.values()) if (lane.has(id)) await lane.settle(id);
    this.remainsAdded.delete(id);
  }

  override async depth(): Promise<LaneDepth[]> {
    const now = Date.now();
    return Promise.all(
      LANES.map(async (lane) => {
        const jobs = await this.jobSummaries(lane);
        const earliest = (of: (job: JobSummary) => number): number | null =>
          jobs.length > 0 ? jobs.reduce((first, job) => Math.min(first, of(job)), Infinity) : null;
        const available = earliest((job) => job.firstAvailableAt);
        return {
          lane,
          count: jobs.reduce((sum, job) => sum + job.count, 0),
          oldestAcceptedAt: earliest((job) => job.oldestAcceptedAt),
          dueSince: available !== null && available <= now ? available : null,
        };
      }),
    );
  }

  /** A full or read-only Redis still answers; only a write shows it. And what was written must not be thrown away. */
  override async probe(): Promise<void> {
    this.watch.requireSafe();
    await this.redis.set(PROBE_KEY, '', 'PX', PROBE_MS);
  }

  override onAdded(listener: () => void): void {
    this.listener = listener;
  }

  override async flush(): Promise<void> {
    await this.additions.idle();
  }

  /** BullMQ orders delayed jobs by their time, times 4096. */
  override async makeDue(time: number): Promise<void> {
    for (const lane of LANES) {
      const queue = this.queue(lane);
      const ids = await this.redis.zrangebyscore(queue.toKey('delayed'), `(${time * DELAYED_SCORE}`, '+inf');
      for (const id of ids) {
        const job = await queue.getJob(id);
        // Another process may have promoted it, or it has become due.
        await job?.promote().catch((error: unknown) => this.report(lane, error instanceof Error ? error : new Error()));
      }
    }
  }

  /** Each lane releases its jobs. Before the last send has finished, another instance would repeat them. */
  override async release(): Promise<void> {
    for (const lane of this.lanes.values()) {
      await lane.close().catch((error: unknown) => {
        this.logger.warn({
          msg: 'other instances take over what is left when its locks expire',
          error: describeError(error),
        });
      });
    }
  }

  onApplicationShutdown(): void {
    clearInterval(this.renewal);
  }

  private async addJobs(items: NewQueueItem[]): Promise<void> {
    const jobs = [...toJobs(items, Date.now())];
    await Promise.all(jobs.map(([lane, ofLane]) => this.queue(lane).addBulk(ofLane)));
    this.metrics.groupCommitted('queue-additions', items.length);
  }

  private async renew(): Promise<void> {
    for (const lane of this.lanes.values()) {
      await lane.renew().catch((error: unknown) => {
        this.logger.warn({ msg: 'locks could not be renewed', error: describeError(error) });
      });
    }
  }

  private async jobSummaries(lane: Lane): Promise<JobSummary[]> {
    const queue = this.queue(lane);
    const ids = await queue.getRanges(['waiting', 'prioritized', 'delayed', 'active'], 0, -1);
    const summaries: JobSummary[] = [];
    for (let start = 0; start < ids.length; start += NAMES_AT_ONCE) {
      const read = this.redis.pipeline();
      for (const id of ids.slice(start, start + NAMES_AT_ONCE)) read.hget(queue.toKey(id), 'name');
      for (const [error, name] of (await read.exec()) ?? []) {
        if (error) throw error;
        // It was completed meanwhile.
        if (typeof name === 'string') summaries.push(parseJobName(name));
      }
    }
    return summaries;
  }

  private queue(lane: Lane): Queue<Batch> {
    return this.moduleRef.get<Queue<Batch>>(getQueueToken(lane), { strict: false });
  }

  private lane(lane: Lane): JobLane {
    let jobs = this.lanes.get(lane);
    if (!jobs) {
      const completed = (items: number): void => this.metrics.groupCommitted('queue-settlements', items);
      jobs = new JobLane(lane, this.queue(lane), this.openWorker(lane), this.times.lockMs, this.suspects, completed);
      this.lanes.set(lane, jobs);
    }
    return jobs;
  }

  /** Without a processor: jobs are fetched when they are asked for. BullMQ looks for those without an owner. */
  private openWorker(lane: Lane): Worker<Batch> {
    const worker = new Worker<Batch>(lane, null, {
      connection: this.redis,
      prefix: KEY_PREFIX,
      autorun: false,
      lockDuration: this.times.lockMs,
      stalledInterval: this.times.stalledMs,
      maxStalledCount: MAX_STALLED_COUNT,
    });
    worker.on('error', (error) => this.report(lane, error));
    worker.on('stalled', () =>
      this.logger.warn({ msg: 'the notifications of a process that died are taken over', lane }),
    );
    void worker.startStalledCheckTimer();
    return worker;
  }

  private report(lane: Lane, error: Error): void {
    this.logger.debug({ msg: 'error of a queue', lane, error: describeError(error) });
  }
}
