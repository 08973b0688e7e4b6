import { type Command, InvalidArgumentError } from 'commander';
import { DevicesService } from '../../devices/devices.service.js';
import { NUMBER_COLUMNS } from '../../statistics/dto/statistics-query.dto.js';
import { formatLocalTime, parseLocalTime } from '../../statistics/local-time.js';
import { type StatisticsPeriod } from '../../statistics/statistics-period.entity.js';
import { StatisticsService } from '../../statistics/statistics.service.js';
import { examples, formatTable, print, printJson } from '../output.js';
import { withDatabase } from '../with-database.js';
import { deviceRows } from './devices.command.js';

interface StatsOptions {
  from?: number;
  to?: number;
  json?: boolean;
}

export function addStatsCommand(program: Command): void {
  program
    .command('stats')
    .description('show messages and pushes per period, and the devices')
    .option('--from <time>', 'periods that begin at or after, YYYY-MM-DD or "YYYY-MM-DD HH:MM:SS"', parseTime)
    .option('--to <time>', 'periods that end at or before', parseTime)
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
Times are in the time zone of this process (TZ). Huawei pushes count as Android. A running server writes what it counts
every three minutes.
${examples('stats', 'stats --from 2026-01-01 --to "2026-01-31 23:59:59"', 'stats --json')}`,
    )
    .action(({ from, to, json }: StatsOptions) =>
      withDatabase(async (app) => {
        const periods = await app.get(StatisticsService).find(from, to);
        const { byType, sessionIds } = await app.get(DevicesService).count();
        if (json) return printJson({ devices: byType, sessionIds, periods: periods.map(toRow) });
        print(formatTable(deviceRows({ byType, sessionIds })));
        print(`\n${periods.length === 0 ? 'No period was written yet.' : formatTable(periodRows(periods))}`);
      }),
    );
}

function parseTime(text: string): number {
  const time = parseLocalTime(text);
  if (time === null) throw new InvalidArgumentError('It must be YYYY-MM-DD or "YYYY-MM-DD HH:MM:SS".');
  return time;
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
