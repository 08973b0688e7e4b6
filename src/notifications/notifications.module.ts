import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { type AppConfig } from '../config/app-config.js';
import { APP_CONFIG } from '../config/config.module.js';
import { DevicesModule } from '../devices/devices.module.js';
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
import { TokenRemoval } from './delivery/token-removal.js';
import { NotificationsCommands } from './notifications.commands.js';
import { NotificationQueue } from './queue/notification-queue.js';
import { QueuedNotification } from './queue/queued-notification.entity.js';
import { TableQueue } from './queue/table-queue.js';
import { RecipientsService } from './recipients.service.js';
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
  static forRoot({ tuning, transports }: NotificationsOptions): DynamicModule {
    return {
      module: NotificationsModule,
      imports: [TypeOrmModule.forFeature([QueuedNotification]), DevicesModule, StatisticsModule],
      providers: [
        { provide: DELIVERY_TUNING, useValue: { ...DEFAULT_DELIVERY_TUNING, ...tuning } },
        {
          provide: PUSH_TRANSPORTS,
          inject: [APP_CONFIG],
          useFactory: (config: AppConfig): Promise<PushTransport[]> => openTransports(config, transports),
        },
        { provide: NotificationQueue, useClass: TableQueue },
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
