import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DevicesModule } from '../devices/devices.module.js';
import { StatisticsHour } from './statistics-hour.entity.js';
import { StatisticsPeriod } from './statistics-period.entity.js';
import { StatisticsController } from './statistics.controller.js';
import { StatisticsScheduler } from './statistics.scheduler.js';
import { StatisticsService } from './statistics.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([StatisticsPeriod, StatisticsHour]), DevicesModule],
  controllers: [StatisticsController],
  providers: [StatisticsService, StatisticsScheduler],
  exports: [StatisticsService, StatisticsScheduler],
})
export class StatisticsModule {}
