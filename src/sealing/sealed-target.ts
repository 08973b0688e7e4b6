import { type Sealing, type StoredToken } from './sealing.js';

/** The fields of a queued device that are sealed. */
interface Target {
  token: string;
  /** What its service needs beside the token. It is sealed as the token is, so that two rows of a device tell no more together. */
  serviceInfo?: string;
}

/** A device as it is stored; what the data key in use sealed already stays as it is. */
export function sealTarget<T extends Target>(sealing: Sealing, target: T): T & { token: StoredToken } {
  const { token, serviceInfo } = target;
  return {
    ...target,
    token: sealing.token(token),
    ...(serviceInfo === undefined ? {} : { serviceInfo: sealing.token(serviceInfo) }),
  };
}

/** Null = it is damaged, or sealed and there is no key. */
export function openTarget<T extends Target>(sealing: Sealing, target: T): (Omit<T, 'token'> & Target) | null {
  const token = sealing.open(target.token);
  const serviceInfo = target.serviceInfo === undefined ? undefined : sealing.open(target.serviceInfo);
  if (token === null || serviceInfo === null) return null;
  return { ...target, token, ...(serviceInfo === undefined ? {} : { serviceInfo }) };
}
