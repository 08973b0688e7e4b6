import { type DataSource } from 'typeorm';
import { StatisticsHour } from '../../src/statistics/statistics-hour.entity.js';
import { StatisticsPeriod } from '../../src/statistics/statistics-period.entity.js';

const HOUR_MS = 3_600_000;
export const PERIOD_MS = 12 * HOUR_MS;

/**
 * Stores what a server would have counted over its last `count` periods of twelve hours, the running one included. The
 * numbers are made from the period's place, so that a test can say what has to be shown.
 */
export async function storeTraffic(dataSource: DataSource, count: number): Promise<StatisticsPeriod[]> {
  const now = Date.now();
  const latest = Math.floor(now / PERIOD_MS) * PERIOD_MS;
  const rows = Array.from({ length: count }, (_, index): StatisticsPeriod => {
    const startDate = latest - (count - 1 - index) * PERIOD_MS;
    const oneToOneMessages = 4000 + ((index * 37) % 11) * 450;
    const closedGroupMessages = 900 + ((index * 13) % 7) * 160;
    const untrackedMessages = 150 + ((index * 5) % 9) * 40;
    const huaweiPushes = 100 + ((index * 3) % 5) * 20;
    return {
      startDate,
      endDate: Math.min(startDate + PERIOD_MS, now),
      oneToOneMessages,
      closedGroupMessages,
      untrackedMessages,
      totalMessages: oneToOneMessages + closedGroupMessages + untrackedMessages,
      iosPushes: Math.round(oneToOneMessages * 0.6),
      androidPushes: Math.round(oneToOneMessages * 0.5) + closedGroupMessages + huaweiPushes,
      huaweiPushes,
    };
  });
  await dataSource.getRepository(StatisticsPeriod).save(rows, { chunk: 100 });
  return rows;
}

export async function clearTraffic(dataSource: DataSource): Promise<void> {
  for (const rows of [StatisticsPeriod, StatisticsHour]) await dataSource.getRepository(rows).clear();
}
