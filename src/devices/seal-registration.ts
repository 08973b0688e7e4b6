import { type Sealing } from '../sealing/sealing.js';
import { type Registration } from './dto/device-commands.dto.js';

export function sealRegistration<R extends Registration>(sealing: Sealing, registration: R): R {
  const { token, sessionId } = registration;
  return { ...registration, token: sealing.token(token), sessionId: sealing.id(sessionId) };
}
