import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DevicesModule } from '../devices/devices.module.js';
import { StatisticsPeriod } from './statistics-period.entity.js';
import { StatisticsController } from './statistics.controller.js';
import { StatisticsScheduler } from './statistics.scheduler.js';
import { StatisticsService } from './statistics.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([StatisticsPeriod]), DevicesModule],
  controllers: [StatisticsController],
  providers: [StatisticsService, StatisticsScheduler],
  exports: [StatisticsService],
})
export class StatisticsModule {}
