import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { AppConfig } from '../config/app-config.js';
import { Registrations } from '../database/registrations.js';
import { CommandRegistry } from './command-registry.js';
import { OnionKeyService } from './onion-key.service.js';
import { OnionController } from './onion.controller.js';
import { OnionService } from './onion.service.js';
import { RecentAnswers } from './recent-answers.js';

/** Onion requests in, commands out. It knows no feature: features bring their commands with `@OnionCommand`. */
@Module({
  imports: [DiscoveryModule],
  controllers: [OnionController],
  providers: [
    {
      provide: OnionKeyService,
      inject: [AppConfig, Registrations],
      useFactory: (config: AppConfig, registrations: Registrations) =>
        OnionKeyService.open(config, () => registrations.exist()),
    },
    CommandRegistry,
    RecentAnswers,
    OnionService,
  ],
  exports: [OnionKeyService],
})
export class OnionModule {}
