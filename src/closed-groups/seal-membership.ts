import { type Sealing } from '../sealing/sealing.js';
import { type Membership } from './dto/closed-group-commands.dto.js';

export function sealMembership(sealing: Sealing, { groupId, sessionId }: Membership): Membership {
  return { groupId: sealing.id(groupId), sessionId: sealing.id(sessionId) };
}
