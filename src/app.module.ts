import { type DynamicModule, Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { AlertsModule } from './alerts/alerts.module.js';
import { ClosedGroupsModule } from './closed-groups/closed-groups.module.js';
import { ClockModule } from './common/time/clock.module.js';
import { type AppConfig } from './config/app-config.js';
import { ConfigModule } from './config/config.module.js';
import { type Duties, dutiesOf } from './config/duties.js';
import { DashboardModule } from './dashboard/dashboard.module.js';
import { DatabaseModule } from './database/database.module.js';
import { DeliveryModule } from './delivery/delivery.module.js';
import { QueueModule } from './delivery/queue/queue.module.js';
import { DevicesModule } from './devices/devices.module.js';
import { HealthModule } from './health/health.module.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { NotificationsModule } from './notifications/notifications.module.js';
import { OnionModule } from './onion/onion.module.js';
import { OperatorModule } from './operator/operator.module.js';
import { StatisticsModule } from './statistics/statistics.module.js';
import { SubscriptionsModule } from './subscriptions/subscriptions.module.js';

@Module({})
export class AppModule {
  static async forRoot(config: AppConfig, duties: Duties = dutiesOf(config)): Promise<DynamicModule> {
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(config, duties),
        ScheduleModule.forRoot(),
        ClockModule,
        OperatorModule,
        MetricsModule,
        DatabaseModule,
        ...(config.redisUrl === null ? [] : [(await import('./redis/redis.module.js')).RedisModule]),
        await QueueModule.forRoot(config),
        ...(duties.accepts ? [OnionModule] : []),
        DevicesModule,
        ClosedGroupsModule,
        StatisticsModule,
        DeliveryModule,
        NotificationsModule,
        SubscriptionsModule,
        HealthModule,
        DashboardModule,
        AlertsModule,
      ],
    };
  }
}
