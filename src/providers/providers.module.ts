import { Module } from '@nestjs/common';
import { AppConfig } from '../config/app-config.js';
import { Duties } from '../config/duties.js';
import { Sealing } from '../sealing/sealing.js';
import { CredentialWatcher } from './credential-watcher.js';
import { openTransports, TransportOptions } from './provider-definitions.js';
import { PushTransports } from './push-transport.js';
import { UnsealingTransport } from './unsealing.transport.js';

/** The push services that are configured. */
@Module({
  providers: [
    { provide: TransportOptions, useValue: {} },
    {
      provide: PushTransports,
      inject: [AppConfig, TransportOptions, Duties, Sealing],
      useFactory: async (config: AppConfig, options: TransportOptions, { delivers }: Duties, sealing: Sealing) => {
        const opened = delivers ? await openTransports(config, options) : [];
        return new PushTransports(opened.map((transport) => new UnsealingTransport(transport, sealing)));
      },
    },
    CredentialWatcher,
  ],
  exports: [PushTransports],
})
export class ProvidersModule {}
