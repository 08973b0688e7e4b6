import { type Sealing, type StoredId } from '../sealing/sealing.js';
import { type Membership } from './dto/closed-group-commands.dto.js';

export interface StoredMembership {
  readonly groupId: StoredId;
  readonly sessionId: StoredId;
}

export function sealMembership(sealing: Sealing, { groupId, sessionId }: Membership): StoredMembership {
  return { groupId: sealing.id(groupId), sessionId: sealing.id(sessionId) };
}
