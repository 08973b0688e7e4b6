import { Injectable } from '@nestjs/common';
import { DatabaseWriter } from '../database/database-writer.js';
import { TOO_MANY_DEVICES } from '../devices/devices.commands.js';
import { DevicesService } from '../devices/devices.service.js';
import { sealRegistration } from '../devices/seal-registration.js';
import { type CommandResult, OnionCommand, SUCCESS } from '../onion/onion-command.decorator.js';
import { Sealing } from '../sealing/sealing.js';
import { ClosedGroupsService } from './closed-groups.service.js';
import {
  type Membership,
  membershipSchema,
  type RegisterLegacyGroupsOnly,
  registerLegacyGroupsOnlySchema,
} from './dto/closed-group-commands.dto.js';
import { sealMembership } from './seal-membership.js';

const TOO_MANY_MEMBERS: CommandResult = { code: 0, message: 'Too many members in this closed group.' };

@Injectable()
export class ClosedGroupsCommands {
  constructor(
    private readonly closedGroups: ClosedGroupsService,
    private readonly devices: DevicesService,
    private readonly writer: DatabaseWriter,
    private readonly sealing: Sealing,
  ) {}

  @OnionCommand('subscribe_closed_group', membershipSchema)
  async subscribe(plain: Membership): Promise<CommandResult> {
    const membership = sealMembership(this.sealing, plain);
    return this.writer.write(async (manager) => {
      if (!(await this.closedGroups.hasRoom(manager, membership))) return TOO_MANY_MEMBERS;
      await this.closedGroups.add(manager, membership);
      return SUCCESS;
    });
  }

  @OnionCommand('unsubscribe_closed_group', membershipSchema)
  async unsubscribe(membership: Membership): Promise<CommandResult> {
    const known = await this.closedGroups.leave(sealMembership(this.sealing, membership));
    return known ? SUCCESS : { code: 0, message: 'Cannot find the closed group id on PN server.' };
  }

  /** Adds memberships and never removes any, as clients expect. The device and its groups are stored together. */
  @OnionCommand('register_legacy_groups_only', registerLegacyGroupsOnlySchema)
  async registerLegacyGroupsOnly(plain: RegisterLegacyGroupsOnly): Promise<CommandResult> {
    const registration = sealRegistration(this.sealing, plain.registration);
    const groups = [...new Set(plain.groupIds)].map((groupId) => this.sealing.id(groupId));
    const { sessionId } = registration;
    return this.writer.write(async (manager) => {
      // All that can be refused is found out before the first write: nothing is to be undone, and on SQLite the others
      // of the same transaction are not held up.
      for (const groupId of groups) {
        if (!(await this.closedGroups.hasRoom(manager, { groupId, sessionId }))) return TOO_MANY_MEMBERS;
      }
      if (!(await this.devices.save(manager, registration, true))) return TOO_MANY_DEVICES;
      for (const groupId of groups) await this.closedGroups.add(manager, { groupId, sessionId });
      return SUCCESS;
    });
  }
}
