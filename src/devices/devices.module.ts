import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Device } from './device.entity.js';
import { DevicesCommands } from './devices.commands.js';
import { DevicesService } from './devices.service.js';
import { SuspectToken } from './suspect-token.entity.js';
import { SuspectTokensService } from './suspect-tokens.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([Device, SuspectToken])],
  providers: [DevicesService, SuspectTokensService, DevicesCommands],
  exports: [DevicesService, SuspectTokensService],
})
export class DevicesModule {}
