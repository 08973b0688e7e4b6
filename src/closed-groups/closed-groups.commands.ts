import { Injectable } from '@nestjs/common';
import { DatabaseWriter } from '../database/database-writer.js';
import { DevicesService } from '../devices/devices.service.js';
import { sealRegistration } from '../devices/seal-registration.js';
import { LegacyCommand, type LegacyResult, SUCCESS } from '../onion/legacy-command.decorator.js';
import { Sealing } from '../sealing/sealing.js';
import { ClosedGroupsService } from './closed-groups.service.js';
import {
  type Membership,
  membershipSchema,
  type RegisterLegacyGroupsOnly,
  registerLegacyGroupsOnlySchema,
} from './dto/closed-group-commands.dto.js';
import { sealMembership } from './seal-membership.js';

@Injectable()
export class ClosedGroupsCommands {
  constructor(
    private readonly closedGroups: ClosedGroupsService,
    private readonly devices: DevicesService,
    private readonly writer: DatabaseWriter,
    private readonly sealing: Sealing,
  ) {}

  @LegacyCommand('subscribe_closed_group', membershipSchema)
  async subscribe(plain: Membership): Promise<LegacyResult> {
    const membership = sealMembership(this.sealing, plain);
    await this.writer.writeGrowth((manager) => this.closedGroups.add(manager, membership));
    return SUCCESS;
  }

  @LegacyCommand('unsubscribe_closed_group', membershipSchema)
  async unsubscribe(membership: Membership): Promise<LegacyResult> {
    const known = await this.closedGroups.leave(sealMembership(this.sealing, membership));
    return known ? SUCCESS : { code: 0, message: 'Cannot find the closed group id on PN server.' };
  }

  /** Adds memberships and never removes any, as clients expect. The device and its groups are stored together. */
  @LegacyCommand('register_legacy_groups_only', registerLegacyGroupsOnlySchema)
  async registerLegacyGroupsOnly(plain: RegisterLegacyGroupsOnly): Promise<LegacyResult> {
    const registration = sealRegistration(this.sealing, plain.registration);
    const groups = [...new Set(plain.groupIds)].map((groupId) => this.sealing.id(groupId));
    const { sessionId } = registration;
    await this.writer.writeGrowth(async (manager) => {
      await this.devices.save(manager, registration, true);
      await this.closedGroups.join(manager, sessionId, groups);
    });
    return SUCCESS;
  }
}
