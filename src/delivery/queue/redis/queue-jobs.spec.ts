import { legacyContent } from '../../../providers/push-content.js';
import { describe, expect, it } from 'vitest';
import { type NewQueueItem } from '../notification-queue.js';
import { parseJobName, toJobs } from './queue-jobs.js';
import { storedId } from '../../../../test/support/stored.js';

const NOW = 1_800_000_000_000;

const item = (fields: Partial<NewQueueItem> = {}): NewQueueItem => ({
  notificationId: 'n',
  lane: 'intake',
  recipient: storedId('r'),
  content: legacyContent(null),
  urgency: 'high',
  to: null,
  acceptedAt: NOW,
  expiresAt: NOW + 1,
  availableAt: NOW,
  attempts: 0,
  ...fields,
});
const jobsOf = (items: NewQueueItem[]) => [...toJobs(items, NOW).values()].flat();

describe('toJobs', () => {
  it('puts up to 64 items into a job, and loses none', () => {
    const items = Array.from({ length: 130 }, (_, index) => item({ notificationId: String(index) }));
    const jobs = jobsOf(items);
    expect(jobs.map(({ data }) => data.items.length)).toEqual([64, 64, 2]);
    expect(jobs.flatMap(({ data }) => data.items)).toEqual(items);
  });

  it('keeps lanes apart', () => {
    const jobs = toJobs([item(), item({ lane: 'fcm' }), item({ lane: 'apns' }), item({ lane: 'fcm' })], NOW);
    expect([...jobs].map(([lane, ofLane]) => [lane, ofLane[0]?.data.items.length])).toEqual([
      ['intake', 1],
      ['fcm', 2],
      ['apns', 1],
    ]);
  });

  it('delays what is not due, together with what becomes due at about the same time, and never too little', () => {
    const due = [0, 1, 99, 100, 101, 5000].map((ms) => item({ lane: 'apns', availableAt: NOW + ms }));
    const jobs = jobsOf(due);
    expect(jobs.map(({ opts, data }) => [opts.delay, data.items.length])).toEqual([
      [undefined, 1],
      [100, 3],
      [200, 1],
      [5000, 1],
    ]);
    for (const { opts, data } of jobs) {
      for (const { availableAt } of data.items) expect(NOW + (opts.delay ?? 0)).toBeGreaterThanOrEqual(availableAt);
    }
  });

  it('gives newer items of a provider the lower priority number, within what BullMQ takes', () => {
    const ages = [0, 10_000, 3_600_000, 24 * 3_600_000];
    const priorities = ages.map(
      (age) => jobsOf([item({ lane: 'apns', acceptedAt: NOW - age })])[0]?.opts.priority ?? 0,
    );
    expect(priorities).toEqual(priorities.toSorted((a, b) => a - b));
    expect(new Set(priorities).size).toBe(ages.length);
    expect(Math.min(...priorities)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...priorities)).toBeLessThan(2 ** 21);
    expect(jobsOf([item()])[0]?.opts.priority).toBeUndefined();
  });

  it('never keeps a job that is over', () => {
    expect(jobsOf([item()])[0]?.opts).toMatchObject({ removeOnComplete: true, removeOnFail: true });
  });

  it('writes into the name what counting needs', () => {
    const [job] = jobsOf([item({ acceptedAt: NOW - 7 }), item({ acceptedAt: NOW - 9, availableAt: NOW - 3 })]);
    expect(parseJobName(job?.name ?? '')).toEqual({
      count: 2,
      oldestAcceptedAt: NOW - 9,
      firstAvailableAt: NOW - 3,
    });
  });
});
