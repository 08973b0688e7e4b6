import { type Sealing, type StoredId, type StoredToken } from '../sealing/sealing.js';
import { type Registration } from './dto/device-commands.dto.js';

export type Sealed<R extends Registration = Registration> = Omit<R, 'token' | 'sessionId'> & {
  readonly token: StoredToken;
  readonly sessionId: StoredId;
};

export function sealRegistration<R extends Registration>(sealing: Sealing, registration: R): Sealed<R> {
  const { token, sessionId } = registration;
  return { ...registration, token: sealing.token(token), sessionId: sealing.id(sessionId) };
}
