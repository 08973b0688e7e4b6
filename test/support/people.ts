import { randomBytes } from 'node:crypto';

/** A Session id or legacy closed group id as the apps make them. */
export const newId = (): string => `05${randomBytes(32).toString('hex')}`;

export const newIosToken = (): string => randomBytes(32).toString('hex');

export const newAndroidToken = (): string =>
  `${randomBytes(16).toString('base64url')}:APA91b${randomBytes(100).toString('base64url')}`;

export const newHuaweiToken = (): string => `IQAAAACy${randomBytes(80).toString('base64url')}`;

/** What a sender puts into `data`: base64 of an encrypted envelope, which nobody here can read. */
export const newData = (bytes = 240): string => randomBytes(bytes).toString('base64');
