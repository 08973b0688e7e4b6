import { Global, Module } from '@nestjs/common';
import { OperatorAccess } from '../operator/operator-access.js';
import { MetricsController } from './metrics.controller.js';
import { MetricsService } from './metrics.service.js';

/** Gives everybody the one place where things are counted for the operator's monitoring. */
@Global()
@Module({
  controllers: [MetricsController],
  providers: [MetricsService],
  exports: [MetricsService],
})
export class MetricsModule {
  constructor(access: OperatorAccess, metrics: MetricsService) {
    access.onRefusal((reason) => metrics.operatorRefused(reason));
  }
}
