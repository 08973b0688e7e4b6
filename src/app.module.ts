import { type DynamicModule, Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { AlertsModule } from './alerts/alerts.module.js';
import { ClosedGroupsModule } from './closed-groups/closed-groups.module.js';
import { type AppConfig } from './config/app-config.js';
import { ConfigModule } from './config/config.module.js';
import { DatabaseModule } from './database/database.module.js';
import { DevicesModule } from './devices/devices.module.js';
import { HealthModule } from './health/health.module.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { NotificationsModule, type NotificationsOptions } from './notifications/notifications.module.js';
import { OnionModule } from './onion/onion.module.js';
import { OperatorModule } from './operator/operator.module.js';
import { StatisticsModule } from './statistics/statistics.module.js';

@Module({})
export class AppModule {
  static forRoot(config: AppConfig, options: NotificationsOptions = {}): DynamicModule {
    const notifications = NotificationsModule.forRoot(options);
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(config),
        ScheduleModule.forRoot(),
        OperatorModule,
        MetricsModule,
        DatabaseModule,
        OnionModule,
        DevicesModule,
        ClosedGroupsModule,
        StatisticsModule,
        notifications,
        HealthModule.forRoot(notifications),
        AlertsModule,
      ],
    };
  }
}
