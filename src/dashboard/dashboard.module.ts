import { type DynamicModule, Module } from '@nestjs/common';
import { DevicesModule } from '../devices/devices.module.js';
import { StatisticsModule } from '../statistics/statistics.module.js';
import { DashboardDataController } from './dashboard-data.controller.js';
import { PagesController } from './pages.controller.js';
import { ServerStatusService } from './server-status.service.js';

/** Pages for the operator: what the server does and how it is, and the description of the operator's endpoints. */
@Module({})
export class DashboardModule {
  /** @param health the module that knows how the server is, as it is configured */
  static forRoot(health: DynamicModule): DynamicModule {
    return {
      module: DashboardModule,
      imports: [health, StatisticsModule, DevicesModule],
      controllers: [PagesController, DashboardDataController],
      providers: [ServerStatusService],
    };
  }
}
