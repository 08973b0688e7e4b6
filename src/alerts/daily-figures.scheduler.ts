import { DAY_MS } from '../config/durations.js';
import { Injectable } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';
import { AppConfig } from '../config/app-config.js';
import { Duties } from '../config/duties.js';
import { DevicesService } from '../devices/devices.service.js';
import { type StatisticsPeriod } from '../statistics/statistics-period.entity.js';
import { StatisticsService } from '../statistics/statistics.service.js';
import { AlertsService } from './alerts.service.js';

/** Sends the figures of the day before, in UTC. */
@Injectable()
export class DailyFiguresScheduler {
  constructor(
    private readonly config: AppConfig,
    private readonly duties: Duties,
    private readonly alerts: AlertsService,
    private readonly statistics: StatisticsService,
    private readonly devices: DevicesService,
  ) {}

  /** Late enough for the last period of the day to be written. */
  @Cron('0 6 0 * * *', { timeZone: 'UTC' })
  async tellYesterday(): Promise<void> {
    if (this.alerts.isOn && this.duties.delivers) await this.tellDayBefore(Date.now());
  }

  /** @param now UTC epoch milliseconds */
  async tellDayBefore(now: number): Promise<void> {
    const today = Math.floor(now / DAY_MS) * DAY_MS;
    const { periodMs } = this.config.statistics;
    // Periods are aligned to multiples of their length; one that is longer than a day stands for the day it is part of.
    const from = Math.floor((today - DAY_MS) / periodMs) * periodMs;
    const periods = (await this.statistics.find(from)).filter(({ startDate }) => startDate < today);
    const sum = (read: (period: StatisticsPeriod) => number) =>
      periods.reduce((total, period) => total + read(period), 0);
    const { byType } = await this.devices.count();
    this.alerts.tell({
      kind: 'daily-figures',
      from,
      to: periods.at(-1)?.endDate ?? today,
      messages: sum(({ totalMessages }) => totalMessages),
      iosPushes: sum(({ iosPushes }) => iosPushes),
      androidPushes: sum(({ androidPushes }) => androidPushes),
      devices: byType,
    });
  }
}
