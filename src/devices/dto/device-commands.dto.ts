import { z } from 'zod';
import { wireId, wireToken } from '../../common/words/wire-text.js';
import { DEVICE_TYPES, type DeviceType } from '../device.entity.js';

/** Length of an APNs device token in hexadecimal; clients of before 2022 tell their platform by it alone. */
const APNS_TOKEN_LENGTH = 64;
const HEXADECIMAL = /^[0-9a-fA-F]+$/;

const deviceTypes = `${DEVICE_TYPES.slice(0, -1).join(', ')} or ${DEVICE_TYPES.at(-1)}`;
const deviceType = z.enum(DEVICE_TYPES, { error: `device must be ${deviceTypes}` }).nullish();

/** Arguments that every registration has; shared with `register_legacy_groups_only`. */
export const registrationFields = { token: wireToken(), pubKey: wireId('pubKey'), device: deviceType };

export interface RegistrationArguments {
  token: string;
  pubKey: string;
  device?: DeviceType | null | undefined;
}

export interface Registration {
  token: string;
  sessionId: string;
  deviceType: DeviceType;
}

/**
 * Settles the device type and, for Apple, the spelling of the token: it must be hexadecimal because it becomes part of a URL,
 * and in lower case it is one token, however often somebody spells it differently.
 */
export function toRegistration(args: RegistrationArguments, context: z.RefinementCtx): Registration {
  const deviceType = args.device ?? (args.token.length === APNS_TOKEN_LENGTH ? 'ios' : 'android');
  if (deviceType === 'ios' && !HEXADECIMAL.test(args.token)) {
    context.addIssue({ code: 'custom', path: ['token'], message: 'an ios token must be hexadecimal' });
  }
  return { token: deviceType === 'ios' ? args.token.toLowerCase() : args.token, sessionId: args.pubKey, deviceType };
}

export const registerSchema = z.object(registrationFields).transform(toRegistration);

/** Nothing tells the device type here: the token as it came, and what it is called when it is for iOS. */
export const unregisterSchema = z.object({ token: wireToken() }).transform(({ token }) => ({
  token,
  iosToken: HEXADECIMAL.test(token) ? token.toLowerCase() : null,
}));
export type Unregister = z.infer<typeof unregisterSchema>;
