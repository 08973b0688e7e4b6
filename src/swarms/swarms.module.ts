import { Module } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import sodium from 'libsodium-wrappers';
import { AppConfig } from '../config/app-config.js';
import { DEFAULT_KEY_CLAIM_TUNING, KeyClaimTuning } from './lines/key-claim-tuning.js';
import { LocalSeenMessages } from './reports/local-seen-messages.js';
import { SoleSwarmKey, SwarmKeyClaim } from './lines/swarm-key-claim.js';
import { OwnKeys } from './lines/node-connection.js';
import { NodeListFile } from './nodes/node-list-file.js';
import { Outgoing } from '../outgoing/outgoing.js';
import { openSources } from './nodes/open-sources.js';
import { SeenMessages } from './reports/seen-messages.js';
import { DEFAULT_SHARED_SEEN_TUNING, SharedSeenTuning } from './reports/shared-seen-tuning.js';
import { DEFAULT_SERVICE_NODES_TUNING, ServiceNodes, ServiceNodesOptions } from './nodes/service-nodes.service.js';
import { loadSwarmKey } from './lines/swarm-key.js';
import { DEFAULT_MONITOR_TUNING, MonitorOptions } from './watch/swarm-monitor.service.js';

/**
 * What a `SwarmMonitor` needs, except for its two ports. The module that implements `WatchedAccounts` and `ReportSink` imports
 * this one, provides the monitor beside them, and starts it where the network is to be watched.
 *
 * Without a `NODE_LIST` there are no sources and no key file, and nothing is to be started.
 */
@Module({
  providers: [
    {
      provide: OwnKeys,
      inject: [AppConfig],
      useFactory: async ({ network }: AppConfig): Promise<OwnKeys> => {
        await sodium.ready;
        return network ? loadSwarmKey(network) : sodium.crypto_box_keypair();
      },
    },
    {
      provide: ServiceNodesOptions,
      inject: [AppConfig, OwnKeys],
      useFactory: ({ network, proxy }: AppConfig, own: OwnKeys): ServiceNodesOptions => ({
        openSources: (onBlock) => (network ? openSources(network, own, onBlock, new Outgoing(proxy)) : []),
        publicAddressesOnly: network?.publicAddressesOnly ?? true,
        file: new NodeListFile(network?.listFile ?? ''),
        tuning: DEFAULT_SERVICE_NODES_TUNING,
      }),
    },
    {
      provide: MonitorOptions,
      inject: [OwnKeys],
      useFactory: (own: OwnKeys): MonitorOptions => ({ own, tuning: DEFAULT_MONITOR_TUNING }),
    },
    {
      provide: SeenMessages,
      inject: [AppConfig, ModuleRef],
      useFactory: async ({ redisUrl }: AppConfig, modules: ModuleRef): Promise<SeenMessages> =>
        redisUrl === null
          ? new LocalSeenMessages()
          : modules.create((await import('./redis/shared-seen-messages.js')).SharedSeenMessages),
    },
    {
      provide: SwarmKeyClaim,
      inject: [AppConfig, ModuleRef],
      useFactory: async ({ redisUrl }: AppConfig, modules: ModuleRef): Promise<SwarmKeyClaim> =>
        redisUrl === null
          ? new SoleSwarmKey()
          : modules.create((await import('./redis/shared-swarm-key-claim.js')).SharedSwarmKeyClaim),
    },
    { provide: SharedSeenTuning, useValue: DEFAULT_SHARED_SEEN_TUNING },
    { provide: KeyClaimTuning, useValue: DEFAULT_KEY_CLAIM_TUNING },
    ServiceNodes,
  ],
  exports: [ServiceNodesOptions, MonitorOptions, ServiceNodes, SeenMessages, SwarmKeyClaim],
})
export class SwarmsModule {}
