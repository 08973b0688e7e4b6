import { type DynamicModule, Module } from '@nestjs/common';
import { type AppConfig } from '../config/app-config.js';
import { APP_CONFIG } from '../config/config.module.js';
import { type Duties, DUTIES } from '../config/duties.js';
import { DevicesModule } from '../devices/devices.module.js';
import { RedisClient } from '../redis/redis-client.js';
import { StatisticsModule } from '../statistics/statistics.module.js';
import { DEFAULT_DELIVERY_TUNING, DELIVERY_TUNING, type DeliveryTuning } from './delivery/delivery-tuning.js';
import { DeliveryGauges } from './delivery/delivery-gauges.js';
import { DeliveryStatus } from './delivery/delivery-status.js';
import { DeliveryScheduler } from './delivery/delivery.scheduler.js';
import { DeliveryWorker } from './delivery/delivery.worker.js';
import { Intake } from './delivery/intake.js';
import { OutcomeCounter } from './delivery/outcome-counter.js';
import { OutcomePolicy } from './delivery/outcome-policy.js';
import { ProviderLanes } from './delivery/provider-lanes.js';
import { QueueWatch } from './delivery/queue-watch.js';
import { RECIPIENT_LIMITER, RecipientLimit, type RecipientLimiter } from './delivery/recipient-limit.js';
import { SharedRecipientLimit } from './delivery/shared-recipient-limit.js';
import { TokenRemoval } from './delivery/token-removal.js';
import { DuplicateFilter } from './duplicate-filter.js';
import { NotificationsCommands } from './notifications.commands.js';
import { BullmqQueueModule } from './queue/bullmq-queue.module.js';
import { TableQueueModule } from './queue/table-queue.module.js';
import { RecipientsService } from './recipients.service.js';
import { SharedDuplicateFilter } from './shared-duplicate-filter.js';
import { CredentialWatcher } from './transports/credential-watcher.js';
import { openTransports, type TransportOptions } from './transports/open-transports.js';
import { PUSH_TRANSPORTS, type PushTransport } from './transports/push-transport.js';

/** What of delivery differs from its defaults. */
export interface NotificationsOptions {
  tuning?: Partial<DeliveryTuning>;
  transports?: TransportOptions;
}

/** From `notify` to the push services. */
@Module({})
export class NotificationsModule {
  static forRoot({ redisUrl }: AppConfig, { tuning, transports }: NotificationsOptions): DynamicModule {
    const shared = redisUrl !== null;
    return {
      module: NotificationsModule,
      imports: [shared ? BullmqQueueModule : TableQueueModule, DevicesModule, StatisticsModule],
      providers: [
        { provide: DELIVERY_TUNING, useValue: { ...DEFAULT_DELIVERY_TUNING, ...tuning } },
        {
          provide: PUSH_TRANSPORTS,
          inject: [APP_CONFIG, DUTIES],
          useFactory: async (config: AppConfig, { delivers }: Duties): Promise<PushTransport[]> =>
            delivers ? openTransports(config, transports) : [],
        },
        { provide: DuplicateFilter, useClass: shared ? SharedDuplicateFilter : DuplicateFilter },
        {
          provide: RECIPIENT_LIMITER,
          inject: [DELIVERY_TUNING, { token: RedisClient, optional: true }],
          useFactory: recipientLimiter,
        },
        NotificationsCommands,
        RecipientsService,
        ProviderLanes,
        Intake,
        OutcomePolicy,
        TokenRemoval,
        OutcomeCounter,
        DeliveryWorker,
        DeliveryScheduler,
        DeliveryStatus,
        DeliveryGauges,
        QueueWatch,
        CredentialWatcher,
      ],
      exports: [DeliveryStatus],
    };
  }
}

function recipientLimiter(tuning: DeliveryTuning, redis: RedisClient | undefined): RecipientLimiter {
  const bounds = {
    notificationsPerMinute: tuning.maxPerRecipientAndMinute,
    pushesPerMinute: tuning.maxPushesPerRecipientAndMinute,
  };
  return redis ? new SharedRecipientLimit(redis, bounds) : new RecipientLimit(bounds);
}
