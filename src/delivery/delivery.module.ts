import { Module } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AppConfig } from '../config/app-config.js';
import { ProvidersModule } from '../providers/providers.module.js';
import { StatisticsModule } from '../statistics/statistics.module.js';
import { ClockWatch } from './clock-watch.js';
import { DEFAULT_DELIVERY_TUNING, DeliveryTuning } from './delivery-tuning.js';
import { DeliveryWorker } from './delivery.worker.js';
import { Intake } from './intake.js';
import { ProviderLanes } from './lanes/provider-lanes.js';
import { ProviderMemory } from './lanes/provider-memory.js';
import { ProviderState } from './lanes/provider-state.entity.js';
import { DeliveryScheduler } from './outcomes/delivery.scheduler.js';
import { OutcomeCounter } from './outcomes/outcome-counter.js';
import { OutcomePolicy } from './outcomes/outcome-policy.js';
import { TokenRemoval } from './outcomes/token-removal.js';
import { TokenStanding } from './outcomes/token-standing.js';
import { DeliveryGauges } from './status/delivery-gauges.js';
import { DeliveryStatus } from './status/delivery-status.js';
import { QueueWatch } from './status/queue-watch.js';
import { ServersWatch } from './status/servers-watch.js';
import { RecipientLimit, RecipientLimiter } from './recipient-limit.js';
import { TokenRegistries } from './token-registry.js';

/** From the queue to the push services. Features hand in items, and implement the ports. */
@Module({
  imports: [TypeOrmModule.forFeature([ProviderState]), ProvidersModule, StatisticsModule],
  providers: [
    { provide: DeliveryTuning, useValue: DEFAULT_DELIVERY_TUNING },
    {
      provide: RecipientLimiter,
      inject: [AppConfig, ModuleRef],
      useFactory: async ({ redisUrl }: AppConfig, modules: ModuleRef): Promise<RecipientLimiter> =>
        modules.create<RecipientLimiter>(
          redisUrl === null ? RecipientLimit : (await import('./redis/shared-recipient-limit.js')).SharedRecipientLimit,
        ),
    },
    TokenRegistries,
    ClockWatch,
    ProviderLanes,
    ProviderMemory,
    Intake,
    OutcomePolicy,
    TokenRemoval,
    TokenStanding,
    OutcomeCounter,
    DeliveryWorker,
    DeliveryScheduler,
    DeliveryStatus,
    DeliveryGauges,
    QueueWatch,
    ServersWatch,
  ],
  exports: [DeliveryStatus, TokenRegistries],
})
export class DeliveryModule {}
