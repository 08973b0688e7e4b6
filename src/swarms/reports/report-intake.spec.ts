import { afterEach, describe, expect, it, vi } from 'vitest';
import { letPass, stopBothClocks } from '../../../test/support/both-clocks.js';
import { TrustedClock } from '../../common/time/trusted-clock.js';
import { LocalSeenMessages } from './local-seen-messages.js';
import { type Report } from '../wire/notify-message.protocol.js';
import { ReportIntake } from './report-intake.js';
import { ReportSink } from '../watched-accounts.js';

const HOUR_MS = 3_600_000;

function newReport(hash: string, storedAt = Date.now()): Report {
  const expiresAt = Date.now() + 24 * HOUR_MS;
  return { account: Buffer.alloc(33, 5), hash, namespace: 0, storedAt, expiresAt, data: null };
}

class Sink extends ReportSink {
  kept: string[] = [];
  tries = 0;
  isAway = false;
  gate: Promise<void> = Promise.resolve();

  async message({ hash }: Report): Promise<void> {
    this.tries++;
    await this.gate;
    if (this.isAway) throw new Error('the database is away');
    this.kept.push(hash);
  }

  refused = () => Promise.resolve();
}

function open(tuning = { retryMs: [20], giveUpMs: 10_000 }) {
  const sink = new Sink();
  const failures: unknown[] = [];
  const note = (error: unknown) => failures.push(error);
  const intake = new ReportIntake(new LocalSeenMessages(), sink, note, new TrustedClock(), tuning);
  return { sink, intake, failures };
}

describe('ReportIntake', () => {
  it('keeps a report for as long as the database is away, and then stores it once', async () => {
    const { sink, intake, failures } = open();
    sink.isAway = true;
    const report = newReport('a');
    const outcomes = [intake.take(report, null), intake.take(report, null)];
    await expect.poll(() => sink.tries).toBeGreaterThan(5);
    sink.isAway = false;
    expect(await Promise.all(outcomes)).toEqual(['taken', 'copy']);
    expect(sink.kept).toEqual(['a']);
    expect(failures.length).toBe(sink.tries - 1);
  });

  it('gives a report up after a time, and lets the next copy have its turn', async () => {
    const { sink, intake } = open({ retryMs: [20], giveUpMs: 100 });
    sink.isAway = true;
    const report = newReport('a');
    const first = intake.take(report, null);
    const copy = intake.take(report, null);
    expect(await first).toBe('failed');
    sink.isAway = false;
    expect(await copy).toBe('taken');
  });

  it('drops what is older than the memory and was reported while its swarm was watched, and nothing else', async () => {
    const { sink, intake } = open();
    const twoHoursAgo = Date.now() - 2 * HOUR_MS;
    expect(await intake.take(newReport('late', twoHoursAgo), twoHoursAgo - HOUR_MS)).toBe('late');
    expect(await intake.take(newReport('missed', twoHoursAgo), twoHoursAgo + HOUR_MS)).toBe('taken');
    expect(await intake.take(newReport('gap', twoHoursAgo), null)).toBe('taken');
    expect(sink.kept).toEqual(['missed', 'gap']);
  });

  describe('when the clock jumps', () => {
    const NOW = 1_800_000_000_000;
    afterEach(() => void vi.useRealTimers());

    it.each([25 * HOUR_MS, -25 * HOUR_MS])(
      'by %d ms and back, takes what is reported meanwhile and after it',
      async (by) => {
        stopBothClocks(NOW);
        const { sink, intake } = open();
        const watchedSince = NOW - HOUR_MS;
        const message = (hash: string, storedAt: number) => ({
          ...newReport(hash, storedAt),
          expiresAt: storedAt + 24 * HOUR_MS,
        });
        vi.setSystemTime(NOW + by);
        expect(await intake.take(message('meanwhile', NOW), watchedSince)).toBe('taken');
        letPass(4000);
        vi.setSystemTime(NOW + 4000);
        expect(await intake.take(message('after it', NOW + 4000), watchedSince)).toBe('taken');
        expect(sink.kept).toEqual(['meanwhile', 'after it']);
      },
    );
  });

  it('stops when what is being kept is kept, without waiting for the next try of what fails', async () => {
    const { sink, intake } = open({ retryMs: [60_000], giveUpMs: HOUR_MS });
    sink.isAway = true;
    const failing = intake.take(newReport('fails'), null);
    await expect.poll(() => sink.tries).toBe(1);
    sink.isAway = false;
    const gate = Promise.withResolvers<void>();
    sink.gate = gate.promise;
    const keeping = intake.take(newReport('kept'), null);
    setTimeout(gate.resolve, 200);
    const began = performance.now();
    await intake.stop(5000);
    expect(performance.now() - began).toBeLessThan(2000);
    expect(await Promise.all([failing, keeping])).toEqual(['taken', 'taken']);
  });

  it('stops in time when nothing can be kept', async () => {
    const { sink, intake } = open();
    sink.gate = new Promise(() => undefined);
    void intake.take(newReport('a'), null);
    const began = performance.now();
    await intake.stop(100);
    expect(performance.now() - began).toBeLessThan(2000);
  });
});
