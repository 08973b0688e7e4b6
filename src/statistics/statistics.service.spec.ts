import { MetricsService } from '../metrics/metrics.service.js';
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { InstanceProcesses } from '../cluster/instance-processes.js';
import { parseConfig } from '../config/app-config.js';
import { DatabaseWriter } from '../database/database-writer.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { RecordingLogger } from '../../test/support/recording-logger.js';
import { openDataSource, useSqliteDatabase, useTestDatabase } from '../../test/support/test-data-source.js';
import { StatisticsPeriod } from './statistics-period.entity.js';
import { StatisticsScheduler } from './statistics.scheduler.js';
import { COUNTERS } from './statistics-counts.js';
import { StatisticsHour } from './statistics-hour.entity.js';
import { StatisticsService } from './statistics.service.js';

const HOUR_MS = 3_600_000;
const NOTHING = Object.fromEntries(COUNTERS.map((counter) => [counter, 0]));

describeEachDatabase('StatisticsService', (databases) => {
  const database = useTestDatabase(databases);
  let statistics: StatisticsService;
  const open = () => new StatisticsService(database.dataSource.getRepository(StatisticsPeriod), database.writer);

  beforeEach(() => {
    statistics = open();
  });

  it('writes what was counted to the row of its period', async () => {
    statistics.count('totalMessages');
    statistics.count('totalMessages');
    statistics.count('iosPushes', 5);
    await statistics.flush(1000, 2000);
    expect(await statistics.find()).toEqual([
      { startDate: 1000, endDate: 2000, ...NOTHING, totalMessages: 2, iosPushes: 5 },
    ]);
  });

  it('has a column for every counter', async () => {
    COUNTERS.forEach((counter, index) => statistics.count(counter, index + 1));
    await statistics.flush(1000, 2000);
    const [row] = await statistics.find();
    expect(COUNTERS.map((counter) => row?.[counter])).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('adds to the row of a period and moves its end', async () => {
    statistics.count('totalMessages');
    await statistics.flush(1000, 2000);
    statistics.count('totalMessages', 2);
    await statistics.flush(1000, 3000);
    await statistics.flush(1000, 4000);
    expect(await statistics.find()).toMatchObject([{ startDate: 1000, endDate: 4000, totalMessages: 3 }]);
  });

  it('adds what several processes count', async () => {
    const other = open();
    statistics.count('androidPushes', 10);
    other.count('androidPushes', 7);
    await Promise.all([statistics.flush(1000, 2000), other.flush(1000, 2000)]);
    expect(await statistics.find()).toMatchObject([{ androidPushes: 17 }]);
  });

  it('counts beyond 32 bits', async () => {
    statistics.count('totalMessages', 5_000_000_000);
    await statistics.flush(1_800_000_000_000, 1_800_000_001_000);
    expect(await statistics.find()).toMatchObject([{ startDate: 1_800_000_000_000, totalMessages: 5_000_000_000 }]);
  });

  it('loses nothing that is counted while it writes', async () => {
    statistics.count('totalMessages');
    const flushed = statistics.flush(1000, 2000);
    statistics.count('totalMessages');
    await flushed;
    await statistics.flush(1000, 2000);
    expect(await statistics.find()).toMatchObject([{ totalMessages: 2 }]);
  });

  it('finds the periods between two times, oldest first', async () => {
    for (const start of [3000, 1000, 2000]) await statistics.flush(start, start + 1000);
    const starts = async (from?: number, to?: number) => {
      const periods = await statistics.find(from, to);
      return periods.map(({ startDate }) => startDate);
    };
    expect(await starts()).toEqual([1000, 2000, 3000]);
    expect(await starts(2000)).toEqual([2000, 3000]);
    expect(await starts(undefined, 3000)).toEqual([1000, 2000]);
    expect(await starts(2000, 3000)).toEqual([2000]);
    expect(await starts(5000)).toEqual([]);
  });

  describe('by the hour', () => {
    const hour = (startDate: number) => ({ startDate, endDate: startDate + HOUR_MS });
    const flush = (messages: number, period: number, hourOf: number | null) => {
      statistics.count('totalMessages', messages);
      const written = hourOf === null ? null : hour(hourOf);
      return statistics.flush(period, written?.endDate ?? period + HOUR_MS, written);
    };
    const shown = async (from?: number, to?: number) => {
      const rows = await statistics.findHoursBegun(from, to);
      return rows.map(({ startDate, endDate, totalMessages }) => [
        startDate / HOUR_MS,
        endDate / HOUR_MS,
        totalMessages,
      ]);
    };
    const at = (hours: number) => hours * HOUR_MS;

    it('adds to the row of the hour what it adds to that of the period', async () => {
      await flush(1, 0, 0);
      await flush(2, 0, at(1));
      await flush(4, 0, at(1));
      expect(await shown()).toEqual([
        [0, 1, 1],
        [1, 2, 6],
      ]);
      expect(await statistics.find()).toMatchObject([{ startDate: 0, endDate: at(2), totalMessages: 7 }]);
    });

    it('adds what several processes count', async () => {
      const other = open();
      statistics.count('huaweiPushes', 10);
      other.count('huaweiPushes', 7);
      await Promise.all([statistics.flush(0, 1000, hour(0)), other.flush(0, 1000, hour(0))]);
      expect(await statistics.findHoursBegun()).toMatchObject([{ huaweiPushes: 17 }]);
    });

    it('gives a period from before there were hours as it is', async () => {
      await flush(5, 0, null);
      await flush(1, at(12), at(12));
      expect(await shown()).toEqual([
        [0, 1, 5],
        [12, 13, 1],
      ]);
    });

    it('gives what a period has beyond its hours before the first of them', async () => {
      await flush(5, 0, null);
      await flush(1, 0, at(3));
      await flush(2, 0, at(4));
      await flush(7, at(12), at(12));
      expect(await shown()).toEqual([
        [0, 3, 5],
        [3, 4, 1],
        [4, 5, 2],
        [12, 13, 7],
      ]);
    });

    it('loses nothing when there is no time before the first hour', async () => {
      await flush(1, 0, 0);
      await flush(5, 0, null);
      expect(await shown()).toEqual([[0, 1, 6]]);
    });

    it('gives each hour to one of two ranges that follow each other', async () => {
      for (const begins of [0, 1, 11, 12, 13]) await flush(1, at(begins < 12 ? 0 : 12), at(begins));
      expect(await shown(undefined, at(11))).toEqual([
        [0, 1, 1],
        [1, 2, 1],
      ]);
      expect(await shown(at(11), at(13))).toEqual([
        [11, 12, 1],
        [12, 13, 1],
      ]);
      expect(await shown(at(13))).toEqual([[13, 14, 1]]);
      expect(await shown(at(14))).toEqual([]);
    });

    it('forgets hours after 32 days, and keeps their period', async () => {
      await flush(3, 0, at(1));
      await flush(4, 0, at(2));
      await flush(1, at(32 * 24), at(32 * 24 + 1));
      expect(await database.dataSource.getRepository(StatisticsHour).count()).toBe(3);
      await flush(1, at(32 * 24), at(32 * 24 + 2));
      expect(await shown()).toEqual([
        [0, 2, 3],
        [2, 3, 4],
        [32 * 24 + 1, 32 * 24 + 2, 1],
        [32 * 24 + 2, 32 * 24 + 3, 1],
      ]);
    });
  });

  it('keeps the counts of a write that fails, and what came meanwhile', async () => {
    const dataSource = await openDataSource(await databases.create());
    const broken = new StatisticsService(
      dataSource.getRepository(StatisticsPeriod),
      new DatabaseWriter(dataSource, new MetricsService()),
    );
    broken.count('iosPushes', 2);
    await dataSource.destroy();
    const failed = broken.flush(1000, 2000);
    broken.count('iosPushes');
    await expect(failed).rejects.toThrow(/not open|closed|not established/i);
    await dataSource.initialize();
    await broken.flush(1000, 2000);
    expect(await broken.find()).toMatchObject([{ iosPushes: 3 }]);
    await dataSource.destroy();
  });
});

describe('StatisticsScheduler', () => {
  const database = useSqliteDatabase();
  const config = parseConfig({ STATISTICS_PERIOD_HOURS: '12' });
  const noon = Date.UTC(2026, 10, 22, 12);
  const logger = new RecordingLogger();
  let statistics: StatisticsService;

  beforeAll(() => Logger.overrideLogger(logger));
  afterAll(() => Logger.overrideLogger(true));
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: noon + HOUR_MS });
    statistics = new StatisticsService(database.dataSource.getRepository(StatisticsPeriod), database.writer);
  });
  afterEach(() => void vi.useRealTimers());

  it('writes the running period up to now, aligned to its length', async () => {
    const scheduler = new StatisticsScheduler(config, statistics, new InstanceProcesses());
    statistics.count('totalMessages');
    await scheduler.write();
    expect(await statistics.find()).toMatchObject([{ startDate: noon, endDate: noon + HOUR_MS, totalMessages: 1 }]);
  });

  it('begins a new row when the period is over, and ends the old one on time', async () => {
    const scheduler = new StatisticsScheduler(config, statistics, new InstanceProcesses());
    statistics.count('totalMessages');
    vi.setSystemTime(noon + 12 * HOUR_MS + 60_000);
    await scheduler.write();
    statistics.count('totalMessages', 5);
    await scheduler.write();
    expect(await statistics.find()).toMatchObject([
      { startDate: noon, endDate: noon + 12 * HOUR_MS, totalMessages: 1 },
      { startDate: noon + 12 * HOUR_MS, endDate: noon + 12 * HOUR_MS + 60_000, totalMessages: 5 },
    ]);
  });

  it('writes at the very end of a period, so that later counts are in the next row', async () => {
    vi.setSystemTime(noon + 12 * HOUR_MS - 1000);
    const scheduler = new StatisticsScheduler(config, statistics, new InstanceProcesses());
    scheduler.onApplicationBootstrap();
    statistics.count('totalMessages');
    vi.setSystemTime(noon + 12 * HOUR_MS);
    await vi.waitFor(async () => expect(await statistics.find()).toHaveLength(1), 5000);
    statistics.count('totalMessages', 5);
    await scheduler.onApplicationShutdown();
    expect(await statistics.find()).toMatchObject([
      { startDate: noon, totalMessages: 1 },
      { startDate: noon + 12 * HOUR_MS, totalMessages: 5 },
    ]);
  });

  it('writes each hour of a period, at its very end', async () => {
    vi.setSystemTime(noon + 2 * HOUR_MS - 1000);
    const scheduler = new StatisticsScheduler(config, statistics, new InstanceProcesses());
    scheduler.onApplicationBootstrap();
    statistics.count('totalMessages');
    vi.setSystemTime(noon + 2 * HOUR_MS);
    await vi.waitFor(async () => expect(await statistics.find()).toHaveLength(1), 5000);
    statistics.count('totalMessages', 5);
    await scheduler.onApplicationShutdown();
    expect(await statistics.findHoursBegun()).toMatchObject([
      { startDate: noon + HOUR_MS, endDate: noon + 2 * HOUR_MS, totalMessages: 1 },
      { startDate: noon + 2 * HOUR_MS, totalMessages: 5 },
    ]);
    expect(await statistics.find()).toMatchObject([{ startDate: noon, totalMessages: 6 }]);
  });

  it('writes what was counted up to now when somebody wants to see it', async () => {
    const scheduler = new StatisticsScheduler(config, statistics, new InstanceProcesses());
    await scheduler.writeEverywhere();
    expect(await statistics.find()).toEqual([]);
    statistics.count('totalMessages');
    await Promise.all([scheduler.writeEverywhere(), scheduler.writeEverywhere()]);
    expect(await statistics.find()).toMatchObject([{ startDate: noon, totalMessages: 1 }]);
  });

  it('goes on with the row of its period after a restart', async () => {
    statistics.count('totalMessages');
    await new StatisticsScheduler(config, statistics, new InstanceProcesses()).onApplicationShutdown();
    vi.setSystemTime(noon + 2 * HOUR_MS);
    statistics.count('totalMessages');
    await new StatisticsScheduler(config, statistics, new InstanceProcesses()).onApplicationShutdown();
    expect(await statistics.find()).toMatchObject([{ startDate: noon, totalMessages: 2 }]);
  });

  it('keeps the counts of a period whose write fails until one succeeds', async () => {
    const scheduler = new StatisticsScheduler(config, statistics, new InstanceProcesses());
    statistics.count('totalMessages');
    await database.dataSource.query('ALTER TABLE statistics RENAME TO away');
    vi.setSystemTime(noon + 13 * HOUR_MS);
    await expect(scheduler.write()).resolves.toBeUndefined();
    expect(logger.find('statistics could not be written')).toHaveLength(1);
    await database.dataSource.query('ALTER TABLE away RENAME TO statistics');
    await scheduler.write();
    expect(await statistics.find()).toMatchObject([
      { startDate: noon, endDate: noon + 12 * HOUR_MS, totalMessages: 1 },
    ]);
  });
});
