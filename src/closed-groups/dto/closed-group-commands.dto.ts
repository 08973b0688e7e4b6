import { z } from 'zod';
import { wireId } from '../../common/words/wire-text.js';
import { registrationFields, toRegistration } from '../../devices/dto/device-commands.dto.js';

/** Above what an app sends: it names the legacy groups that somebody is in. */
export const MAX_GROUPS_PER_REGISTRATION = 200;

export const membershipSchema = z
  .object({ closedGroupPublicKey: wireId('closedGroupPublicKey'), pubKey: wireId('pubKey') })
  .transform(({ closedGroupPublicKey, pubKey }) => ({ groupId: closedGroupPublicKey, sessionId: pubKey }));
export type Membership = z.infer<typeof membershipSchema>;

const groupIds = z
  .array(wireId('a legacyGroupPublicKeys entry'), { error: 'legacyGroupPublicKeys must be a list' })
  .max(MAX_GROUPS_PER_REGISTRATION, `legacyGroupPublicKeys must have at most ${MAX_GROUPS_PER_REGISTRATION} entries`)
  .default([]);

export const registerLegacyGroupsOnlySchema = z
  .object({ ...registrationFields, legacyGroupPublicKeys: groupIds })
  .transform((args, context) => ({
    registration: toRegistration(args, context),
    groupIds: args.legacyGroupPublicKeys,
  }));
export type RegisterLegacyGroupsOnly = z.infer<typeof registerLegacyGroupsOnlySchema>;
