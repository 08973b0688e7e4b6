import { type DynamicModule, Module } from '@nestjs/common';
import { type AppConfig } from '../config/app-config.js';
import { APP_CONFIG } from '../config/config.module.js';
import { type Duties, DUTIES } from '../config/duties.js';
import { DevicesModule } from '../devices/devices.module.js';
import { Sealing } from '../sealing/sealing.js';
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
import { RecipientsService } from './recipients.service.js';
import { SINGLE_INSTANCE } from './single-instance.js';
import { CredentialWatcher } from './transports/credential-watcher.js';
import { openTransports } from './transports/open-transports.js';
import { type TransportOptions } from './transports/push-providers.js';
import { PUSH_TRANSPORTS, type PushTransport } from './transports/push-transport.js';
import { UnsealingTransport } from './transports/unsealing.transport.js';

/** What of delivery differs from its defaults. */
export interface NotificationsOptions {
  tuning?: Partial<DeliveryTuning>;
  transports?: TransportOptions;
}

/** From `notify` to the push services. */
@Module({})
export class NotificationsModule {
  static async forRoot({ redisUrl }: AppConfig, { tuning, transports }: NotificationsOptions): Promise<DynamicModule> {
    // What only several instances need is not even loaded for one.
    const { queue, providers } =
      redisUrl === null ? SINGLE_INSTANCE : (await import('./several-instances.js')).SEVERAL_INSTANCES;
    return {
      module: NotificationsModule,
      imports: [queue, DevicesModule, StatisticsModule],
      providers: [
        { provide: DELIVERY_TUNING, useValue: { ...DEFAULT_DELIVERY_TUNING, ...tuning } },
        {
          provide: PUSH_TRANSPORTS,
          inject: [APP_CONFIG, DUTIES, Sealing],
          useFactory: async (config: AppConfig, { delivers }: Duties, sealing: Sealing): Promise<PushTransport[]> => {
            const opened = delivers ? await openTransports(config, transports) : [];
            return opened.map((transport) => new UnsealingTransport(transport, sealing));
          },
        },
        ...providers,
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
