import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { CommandRegistry } from './command-registry.js';
import { OnionKeyService } from './onion-key.service.js';
import { OnionController } from './onion.controller.js';
import { OnionService } from './onion.service.js';

/** Onion requests in, commands out. It knows no feature: features bring their commands with `@OnionCommand`. */
@Module({
  imports: [DiscoveryModule],
  controllers: [OnionController],
  providers: [OnionKeyService, CommandRegistry, OnionService],
  exports: [OnionKeyService],
})
export class OnionModule {}
