import { Module } from '@nestjs/common';
import { DevicesModule } from '../devices/devices.module.js';
import { HealthModule } from '../health/health.module.js';
import { SubscriptionsModule } from '../subscriptions/subscriptions.module.js';
import { StatisticsModule } from '../statistics/statistics.module.js';
import { DashboardDataController } from './dashboard-data.controller.js';
import { PagesController } from './pages.controller.js';
import { PushFigures } from './push-figures.js';
import { ServerStatusService } from './server-status.service.js';

/** Pages for the operator: what the server does and how it is, and the description of the operator's endpoints. */
@Module({
  imports: [HealthModule, StatisticsModule, DevicesModule, SubscriptionsModule],
  controllers: [PagesController, DashboardDataController],
  providers: [PushFigures, ServerStatusService],
})
export class DashboardModule {}
