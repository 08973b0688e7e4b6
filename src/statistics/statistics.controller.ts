import { BadRequestException, Body, Controller, HttpCode, Post, UseGuards } from '@nestjs/common';
import { DevicesService } from '../devices/devices.service.js';
import { BasicAuthGuard } from '../operator/basic-auth.guard.js';
import { Doors } from '../operator/doors.js';
import {
  NUMBER_COLUMNS,
  type NumberColumn,
  type StatisticsQuery,
  statisticsQuerySchema,
} from './dto/statistics-query.dto.js';
import { formatLocalTime } from './local-time.js';
import { type StatisticsPeriod } from './statistics-period.entity.js';
import { StatisticsService } from './statistics.service.js';

type Row = { start_date: string; end_date: string } & Partial<Record<NumberColumn, number>>;

export interface StatisticsAnswer {
  code: 0;
  data: { android_device_number: number; data: Row[]; ios_device_number: number; total_session_id_number: number };
}

@Controller()
@UseGuards(BasicAuthGuard)
export class StatisticsController {
  constructor(
    private readonly statistics: StatisticsService,
    private readonly devices: DevicesService,
  ) {}

  /** The original server's statistics, where its clients look for them; Huawei devices and pushes count as Android. */
  @Doors('public', 'operator')
  @Post('/get_statistics_data')
  @HttpCode(200)
  async getStatisticsData(@Body() body: Buffer | undefined): Promise<StatisticsAnswer> {
    const query = parseQuery(body);
    const [periods, { byType, sessionIds }] = await Promise.all([
      this.statistics.find(query.start_date ?? undefined, query.end_date ?? undefined),
      this.devices.count(),
    ]);
    return {
      code: 0,
      data: {
        android_device_number: byType.android + byType.huawei,
        data: periods.map((period) => toRow(period, query)),
        ios_device_number: byType.ios,
        total_session_id_number: sessionIds,
      },
    };
  }
}

/** Nothing sent means no filter. */
function parseQuery(body: Buffer | undefined): StatisticsQuery {
  const parsed = statisticsQuerySchema.safeParse(body?.length ? parseJson(body) : {});
  if (parsed.success) return parsed.data;
  throw new BadRequestException(parsed.error.issues.map(({ path, message }) => [...path, message].join(' ')));
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new BadRequestException('the body must be JSON');
  }
}

function toRow(period: StatisticsPeriod, query: StatisticsQuery): Row {
  const row: Row = { start_date: formatLocalTime(period.startDate), end_date: formatLocalTime(period.endDate) };
  for (const column of Object.keys(NUMBER_COLUMNS) as NumberColumn[]) {
    if (query[column]) row[column] = period[NUMBER_COLUMNS[column]];
  }
  return row;
}
