import { Module } from '@nestjs/common';
import { DevicesModule } from '../devices/devices.module.js';
import { StatisticsModule } from '../statistics/statistics.module.js';
import { AlertsService } from './alerts.service.js';
import { DailyFiguresScheduler } from './daily-figures.scheduler.js';

/** Carries what the operator may want to hear about at once to a web hook. */
@Module({
  imports: [DevicesModule, StatisticsModule],
  providers: [AlertsService, DailyFiguresScheduler],
})
export class AlertsModule {}
