import { type Job, type Queue } from 'bullmq';
import { type Batch, toSingleJobs } from './queue-jobs.js';
import { type Lane } from '../notification-queue.js';
import { MAX_DEATHS } from '../set-aside.js';

/** A suspect job that has to wait for another one is looked at again after this. */
const LOOK_AGAIN_MS = 500;

/** What is done with a job that processes crashed on. */
export type Verdict = 'innocent' | 'suspect' | 'dealt-with';

/**
 * Decides about jobs that their processes died with. One suspect is worked on at a time, whatever lane it is of: held
 * together, innocent ones would be found with the next process that dies. That a process works on it is written into the
 * job before; a suspect that was only looked at when a process died is not counted again.
 */
export class SuspectJobs {
  private job: string | null = null;
  private mostDeaths: 1 | 2 = 1;

  constructor(
    private readonly queue: (lane: Lane) => Queue<Batch>,
    private readonly setAside: (count: number) => void,
  ) {}

  /** From now on, jobs with at most this number of crashes are worked on. */
  allow(deaths: 1 | 2): void {
    this.mostDeaths = deaths;
  }

  /** @param token with which the job is held */
  async judge(lane: Lane, job: Job<Batch>, token: string): Promise<Verdict> {
    const deaths = job.data.deaths ?? (job.stalledCounter > 0 ? 1 : 0);
    if (deaths === 0) return 'innocent';
    if (deaths >= MAX_DEATHS && job.data.items.length === 1) {
      await this.queue('aside').addBulk(toSingleJobs(job.data, deaths, Date.now()));
      await job.moveToCompleted(null, token, false);
      this.setAside(1);
      return 'dealt-with';
    }
    if (deaths > 1 && job.data.items.length > 1) {
      await this.queue(lane).addBulk(toSingleJobs(job.data, MAX_DEATHS - 1, Date.now()));
      await job.moveToCompleted(null, token, false);
      return 'dealt-with';
    }
    if (this.job !== null || deaths > this.mostDeaths) {
      await job.moveToDelayed(Date.now() + LOOK_AGAIN_MS, token);
      return 'dealt-with';
    }
    this.job = token;
    try {
      await job.updateData({ ...job.data, deaths: deaths + 1 });
    } catch (error) {
      this.job = null;
      throw error;
    }
    return 'suspect';
  }

  /** The process ends in good order with the job that is held with this token: it did not die of it. */
  async acquit(job: Job<Batch>, token: string): Promise<void> {
    if (this.job !== token) return;
    await job.updateData({ ...job.data, deaths: (job.data.deaths ?? 1) - 1 });
    this.job = null;
  }

  /** The job that is held with this token is over. */
  cleared(token: string): void {
    if (this.job === token) this.job = null;
  }
}
