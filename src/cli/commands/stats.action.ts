import { DevicesService } from '../../devices/devices.service.js';
import { NUMBER_COLUMNS } from '../../statistics/dto/statistics-query.dto.js';
import { formatLocalTime } from '../../statistics/local-time.js';
import { type StatisticsPeriod } from '../../statistics/statistics-period.entity.js';
import { StatisticsService } from '../../statistics/statistics.service.js';
import { formatTable, print, printJson } from '../output.js';
import { withDatabase } from '../with-database.js';
import { deviceRows } from './devices.action.js';

export interface StatsOptions {
  /** UTC epoch milliseconds. */
  from?: number;
  to?: number;
  json?: boolean;
}

export async function showStatistics({ from, to, json }: StatsOptions): Promise<void> {
  const [periods, counts] = await withDatabase(
    async (app) => [await app.get(StatisticsService).find(from, to), await app.get(DevicesService).count()] as const,
  );
  if (json) return printJson({ devices: counts.byType, sessionIds: counts.sessionIds, periods: periods.map(toRow) });
  print(formatTable(deviceRows(counts)));
  print(`\n${periods.length === 0 ? 'No period was written yet.' : formatTable(periodRows(periods))}`);
}

/** As `POST /get_statistics_data` spells it. */
function toRow(period: StatisticsPeriod): Record<string, string | number> {
  const numbers = Object.entries(NUMBER_COLUMNS).map(([column, property]) => [column, period[property]]);
  return {
    start_date: formatLocalTime(period.startDate),
    end_date: formatLocalTime(period.endDate),
    ...(Object.fromEntries(numbers) as Record<string, number>),
  };
}

function periodRows(periods: readonly StatisticsPeriod[]): (string | number)[][] {
  return [
    ['from', 'to', 'messages', '1-1', 'groups', 'untracked', 'iOS pushes', 'Android pushes'],
    ...periods.map((period) => [
      formatLocalTime(period.startDate),
      formatLocalTime(period.endDate),
      period.totalMessages,
      period.oneToOneMessages,
      period.closedGroupMessages,
      period.untrackedMessages,
      period.iosPushes,
      period.androidPushes,
    ]),
  ];
}
