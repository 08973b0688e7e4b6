import { type DynamicModule, Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { AlertsModule } from './alerts/alerts.module.js';
import { ClosedGroupsModule } from './closed-groups/closed-groups.module.js';
import { type AppConfig } from './config/app-config.js';
import { ConfigModule } from './config/config.module.js';
import { type Duties, dutiesOf } from './config/duties.js';
import { DashboardModule } from './dashboard/dashboard.module.js';
import { DatabaseModule } from './database/database.module.js';
import { DevicesModule } from './devices/devices.module.js';
import { HealthModule } from './health/health.module.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { NotificationsModule, type NotificationsOptions } from './notifications/notifications.module.js';
import { OnionModule } from './onion/onion.module.js';
import { OperatorModule } from './operator/operator.module.js';
import { StatisticsModule } from './statistics/statistics.module.js';

interface AppModuleOptions extends NotificationsOptions {
  duties?: Duties;
}

@Module({})
export class AppModule {
  static async forRoot(config: AppConfig, options: AppModuleOptions = {}): Promise<DynamicModule> {
    const duties = options.duties ?? dutiesOf(config);
    const notifications = await NotificationsModule.forRoot(config, options);
    const health = HealthModule.forRoot(notifications);
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(config, duties),
        ScheduleModule.forRoot(),
        OperatorModule,
        MetricsModule,
        DatabaseModule,
        ...(config.redisUrl === null ? [] : [(await import('./redis/redis.module.js')).RedisModule]),
        ...(duties.accepts ? [OnionModule] : []),
        DevicesModule,
        ClosedGroupsModule,
        StatisticsModule,
        notifications,
        health,
        DashboardModule.forRoot(health),
        AlertsModule,
      ],
    };
  }
}
