import { Injectable } from '@nestjs/common';
import { DatabaseWriter } from '../database/database-writer.js';
import { TOO_MANY_DEVICES } from '../devices/devices.commands.js';
import { DevicesService } from '../devices/devices.service.js';
import { type CommandResult, OnionCommand, SUCCESS } from '../onion/onion-command.decorator.js';
import { ClosedGroupsService } from './closed-groups.service.js';
import {
  type Membership,
  membershipSchema,
  type RegisterLegacyGroupsOnly,
  registerLegacyGroupsOnlySchema,
} from './dto/closed-group-commands.dto.js';

const TOO_MANY_MEMBERS: CommandResult = { code: 0, message: 'Too many members in this closed group.' };

/** Makes the transaction that is open around it roll back. */
class RefusedRegistration extends Error {
  constructor(readonly result: CommandResult) {
    super(result.message);
  }
}

@Injectable()
export class ClosedGroupsCommands {
  constructor(
    private readonly closedGroups: ClosedGroupsService,
    private readonly devices: DevicesService,
    private readonly writer: DatabaseWriter,
  ) {}

  @OnionCommand('subscribe_closed_group', membershipSchema)
  async subscribe(membership: Membership): Promise<CommandResult> {
    const joined = await this.writer.write((manager) => this.closedGroups.join(manager, membership));
    return joined ? SUCCESS : TOO_MANY_MEMBERS;
  }

  @OnionCommand('unsubscribe_closed_group', membershipSchema)
  async unsubscribe(membership: Membership): Promise<CommandResult> {
    const known = await this.closedGroups.leave(membership);
    return known ? SUCCESS : { code: 0, message: 'Cannot find the closed group id on PN server.' };
  }

  /** Adds memberships and never removes any, as clients expect. The device and its groups are stored together. */
  @OnionCommand('register_legacy_groups_only', registerLegacyGroupsOnlySchema)
  async registerLegacyGroupsOnly({ registration, groupIds }: RegisterLegacyGroupsOnly): Promise<CommandResult> {
    try {
      await this.writer.write(async (manager) => {
        if (!(await this.devices.save(manager, registration, true))) throw new RefusedRegistration(TOO_MANY_DEVICES);
        for (const groupId of new Set(groupIds)) {
          const joined = await this.closedGroups.join(manager, { groupId, sessionId: registration.sessionId });
          if (!joined) throw new RefusedRegistration(TOO_MANY_MEMBERS);
        }
      });
      return SUCCESS;
    } catch (error) {
      if (error instanceof RefusedRegistration) return error.result;
      throw error;
    }
  }
}
