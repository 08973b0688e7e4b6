import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DevicePruningScheduler } from './device-pruning.scheduler.js';
import { DevicePruningService } from './device-pruning.service.js';
import { Device } from './device.entity.js';
import { DevicesCommands } from './devices.commands.js';
import { DevicesGauges } from './devices.gauges.js';
import { DevicesService } from './devices.service.js';
import { SuspectToken } from './suspect-token.entity.js';
import { SuspectTokensService } from './suspect-tokens.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([Device, SuspectToken])],
  providers: [
    DevicesService,
    SuspectTokensService,
    DevicePruningService,
    DevicePruningScheduler,
    DevicesCommands,
    DevicesGauges,
  ],
  exports: [DevicesService, SuspectTokensService, DevicePruningService],
})
export class DevicesModule {}
