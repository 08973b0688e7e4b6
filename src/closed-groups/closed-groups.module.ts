import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DevicesModule } from '../devices/devices.module.js';
import { ClosedGroupMember } from './closed-group-member.entity.js';
import { ClosedGroup } from './closed-group.entity.js';
import { ClosedGroupsCommands } from './closed-groups.commands.js';
import { ClosedGroupsScheduler } from './closed-groups.scheduler.js';
import { ClosedGroupsGauges } from './closed-groups.gauges.js';
import { ClosedGroupsService } from './closed-groups.service.js';
import { DevicelessMembersScheduler } from './deviceless-members.scheduler.js';
import { DevicelessMembersService } from './deviceless-members.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([ClosedGroup, ClosedGroupMember]), DevicesModule],
  providers: [
    ClosedGroupsService,
    ClosedGroupsCommands,
    ClosedGroupsScheduler,
    ClosedGroupsGauges,
    DevicelessMembersService,
    DevicelessMembersScheduler,
  ],
  exports: [ClosedGroupsService],
})
export class ClosedGroupsModule {}
