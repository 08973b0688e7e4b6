import { type DynamicModule, Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { type AppConfig, type DatabaseConfig } from '../config/app-config.js';
import { ConfigModule } from '../config/config.module.js';
import { databaseOptions } from '../database/database-options.js';
import { DatabaseWriter } from '../database/database-writer.js';
import { DevicesModule } from '../devices/devices.module.js';
import { MetricsService } from '../metrics/metrics.service.js';
import { Sealing } from '../sealing/sealing.js';
import { StatisticsHour } from '../statistics/statistics-hour.entity.js';
import { StatisticsPeriod } from '../statistics/statistics-period.entity.js';
import { SubscribedTokensService } from '../subscriptions/registry/subscribed-tokens.service.js';
import { StatisticsService } from '../statistics/statistics.service.js';

/**
 * The server's database without what belongs to a running server: no lock, because a server may be at work on it, and no
 * migrations, because a command that only looks must not change the schema under an older server.
 */
@Global()
@Module({})
class CliDatabaseModule {
  static forRoot(config: DatabaseConfig, sealing: Sealing): DynamicModule {
    const options = { ...databaseOptions(config), migrationsRun: false, autoLoadEntities: true };
    return {
      module: CliDatabaseModule,
      imports: [TypeOrmModule.forRoot({ ...options, retryAttempts: 0, toRetry: () => false })],
      // Classes count in it; a command has no endpoint that shows the figures.
      providers: [DatabaseWriter, MetricsService, { provide: Sealing, useValue: sealing }],
      exports: [DatabaseWriter, MetricsService, Sealing],
    };
  }
}

/**
 * The features that commands use. `StatisticsModule` and `NotificationsModule` stay out: their schedulers and workers
 * would write and deliver.
 */
@Module({})
export class CliModule {
  static forRoot(config: AppConfig, sealing: Sealing): DynamicModule {
    return {
      module: CliModule,
      imports: [
        ConfigModule.forRoot(config),
        CliDatabaseModule.forRoot(config.database, sealing),
        DevicesModule,
        TypeOrmModule.forFeature([StatisticsPeriod, StatisticsHour]),
      ],
      providers: [StatisticsService, SubscribedTokensService],
    };
  }
}
