import { BadRequestException, Controller, Get, Query, UseGuards } from '@nestjs/common';
import { AppConfig } from '../config/app-config.js';
import { HOUR_MS } from '../config/durations.js';
import { BasicAuthGuard } from '../operator/basic-auth.guard.js';
import { type CountedTime } from '../statistics/by-the-hour.js';
import { hourLengthMs } from '../statistics/statistics-clock.js';
import { StatisticsScheduler } from '../statistics/statistics.scheduler.js';
import { StatisticsService } from '../statistics/statistics.service.js';
import { type ServerStatus } from './dto/server-status.dto.js';
import { type StatisticsData, type StatisticsDataQuery, statisticsDataQuerySchema } from './dto/statistics-data.dto.js';
import { ForBrowsers } from './page-headers.js';
import { ServerStatusService } from './server-status.service.js';

/** What the statistics page shows, as JSON for any program. All times are UTC. */
@Controller('statistics')
@UseGuards(BasicAuthGuard)
export class DashboardDataController {
  constructor(
    private readonly config: AppConfig,
    private readonly statistics: StatisticsService,
    private readonly written: StatisticsScheduler,
    private readonly serverStatus: ServerStatusService,
  ) {}

  /** The counted periods, or hours, that begin at or after `from` and before `to`; with what was counted up to this moment. */
  @ForBrowsers()
  @Get('data')
  async data(@Query() query: unknown): Promise<StatisticsData> {
    const { from, to, by } = parseQuery(query);
    await this.written.writeEverywhere();
    const { periodMs } = this.config.statistics;
    if (by === 'hour') {
      const hours = await this.statistics.findHoursBegun(from, to);
      return { periodHours: hourLengthMs(periodMs) / HOUR_MS, periods: hours.map(toPeriod) };
    }
    const periods = await this.statistics.findBegun(from, to);
    return { periodHours: periodMs / HOUR_MS, periods: periods.map(toPeriod) };
  }

  @ForBrowsers()
  @Get('status')
  status(): Promise<ServerStatus> {
    return this.serverStatus.look();
  }
}

function parseQuery(query: unknown): StatisticsDataQuery {
  const parsed = statisticsDataQuerySchema.safeParse(query);
  if (parsed.success) return parsed.data;
  throw new BadRequestException(parsed.error.issues.map(({ path, message }) => [...path, message].join(' ')));
}

function toPeriod(period: CountedTime): StatisticsData['periods'][number] {
  return {
    from: new Date(period.startDate).toISOString(),
    to: new Date(period.endDate).toISOString(),
    messages: {
      total: period.totalMessages,
      oneToOne: period.oneToOneMessages,
      closedGroup: period.closedGroupMessages,
      untracked: period.untrackedMessages,
    },
    pushes: {
      ios: period.iosPushes,
      android: Math.max(0, period.androidPushes - period.huaweiPushes),
      huawei: period.huaweiPushes,
    },
  };
}
