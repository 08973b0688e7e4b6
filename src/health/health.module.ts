import { Module } from '@nestjs/common';
import { DeliveryModule } from '../delivery/delivery.module.js';
import { SubscriptionsModule } from '../subscriptions/subscriptions.module.js';
import { AboutController } from './about.controller.js';
import { HealthController } from './health.controller.js';
import { HealthService } from './health.service.js';

/** Tells whether the server lives, and whether it can do its work. */
@Module({
  imports: [DeliveryModule, SubscriptionsModule],
  controllers: [AboutController, HealthController],
  providers: [HealthService],
  exports: [HealthService],
})
export class HealthModule {}
