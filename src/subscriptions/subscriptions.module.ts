import { Module } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AppConfig } from '../config/app-config.js';
import { DeliveryModule } from '../delivery/delivery.module.js';
import { StatisticsModule } from '../statistics/statistics.module.js';
import { DEFAULT_NETWORK_ALERTS_TUNING, NetworkAlerts, NetworkAlertsTuning } from '../swarms/status/network-alerts.js';
import { NetworkGauges } from '../swarms/status/network-gauges.js';
import { NetworkStatus } from '../swarms/status/network-status.js';
import { SwarmMonitor } from '../swarms/watch/swarm-monitor.service.js';
import { SwarmsModule } from '../swarms/swarms.module.js';
import { ReportSink, WatchedAccounts } from '../swarms/watched-accounts.js';
import { AccountPages } from './watching/account-pages.js';
import { EndedSubscription } from './registry/ended-subscription.entity.js';
import { MessageFanOut } from './watching/message-fan-out.js';
import { NetworkWatch } from './watching/network-watch.js';
import { Offer, offerOf } from './offer.js';
import { SubscribedTokensService } from './registry/subscribed-tokens.service.js';
import { SubscribersService } from './registry/subscribers.service.js';
import { SubscriptionExpiryScheduler } from './registry/subscription-expiry.scheduler.js';
import { SubscriptionExpiryService } from './registry/subscription-expiry.service.js';
import { SubscriptionRegistry } from './registry/subscription-registry.js';
import { SubscriptionSignal } from './watching/subscription-signal.js';
import { Subscription } from './registry/subscription.entity.js';
import { SubscriptionsGauges } from './subscriptions.gauges.js';
import { SubscriptionsCommands } from './subscriptions.commands.js';
import { SubscriptionsService } from './subscriptions.service.js';
import { WatchedAccountsService } from './watching/watched-accounts.service.js';

/** Today's API: from `/subscribe` and from what storage nodes report to the queue. */
@Module({
  imports: [
    TypeOrmModule.forFeature([Subscription, EndedSubscription]),
    SwarmsModule,
    DeliveryModule,
    StatisticsModule,
  ],
  providers: [
    SubscriptionsService,
    SubscriptionsCommands,
    SubscriptionsGauges,
    SubscribersService,
    SubscribedTokensService,
    WatchedAccountsService,
    SubscriptionExpiryService,
    SubscriptionExpiryScheduler,
    SubscriptionRegistry,
    SwarmMonitor,
    NetworkWatch,
    NetworkStatus,
    NetworkGauges,
    NetworkAlerts,
    { provide: NetworkAlertsTuning, useValue: DEFAULT_NETWORK_ALERTS_TUNING },
    { provide: WatchedAccounts, useClass: AccountPages },
    { provide: ReportSink, useClass: MessageFanOut },
    { provide: Offer, inject: [AppConfig], useFactory: offerOf },
    {
      provide: SubscriptionSignal,
      inject: [AppConfig, ModuleRef],
      useFactory: async ({ redisUrl }: AppConfig, modules: ModuleRef): Promise<SubscriptionSignal> =>
        modules.create<SubscriptionSignal>(
          redisUrl === null
            ? SubscriptionSignal
            : (await import('./redis/shared-subscription-signal.js')).SharedSubscriptionSignal,
        ),
    },
  ],
  exports: [SwarmMonitor, NetworkWatch, NetworkStatus, SubscribedTokensService],
})
export class SubscriptionsModule {}
