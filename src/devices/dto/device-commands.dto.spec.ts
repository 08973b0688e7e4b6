import { describe, expect, it } from 'vitest';
import { DEVICE_TYPES } from '../device.entity.js';
import { registerSchema, unregisterSchema } from './device-commands.dto.js';

const HEX = 'aB'.repeat(32);
const parse = (fields: object) => registerSchema.safeParse({ token: HEX, pubKey: '05a', ...fields });
const deviceType = (fields: object) => parse(fields).data?.deviceType;
const refusal = (fields: object) => parse(fields).error?.issues[0]?.message;

describe('registerSchema', () => {
  it('spells the token of an iPhone in lower case, and others as they came', () => {
    expect(parse({}).data).toMatchObject({ token: HEX.toLowerCase(), deviceType: 'ios' });
    for (const device of ['android', 'huawei', 'unknown']) expect(parse({ device }).data?.token).toBe(HEX);
  });

  it('gives what the registry stores', () => {
    expect(parse({ device: 'huawei' }).data).toEqual({ token: HEX, sessionId: '05a', deviceType: 'huawei' });
  });

  it.each(['ios', 'android', 'huawei', 'unknown'])('takes the device type %s', (device) => {
    expect(deviceType({ device })).toBe(device);
  });

  it.each([undefined, null])('takes a token of 64 characters for an iPhone when no device is given', (device) => {
    expect(deviceType({ device })).toBe('ios');
    expect(deviceType({ device, token: HEX.slice(1) })).toBe('android');
    expect(deviceType({ device, token: `${HEX}a` })).toBe('android');
  });

  it('lets the given device win over the length of the token', () => {
    expect(deviceType({ device: 'android' })).toBe('android');
    expect(deviceType({ device: 'ios', token: 'abc123' })).toBe('ios');
  });

  it.each(['iOS', '', 'windows', 7, ['ios']])('refuses the device %j', (device) => {
    const others = DEVICE_TYPES.slice(0, -1).join(', ');
    expect(refusal({ device })).toBe(`device must be ${others} or ${DEVICE_TYPES.at(-1)}`);
  });

  it('refuses an iOS token that is not hexadecimal', () => {
    expect(refusal({ device: 'ios', token: '../3/device/x' })).toBe('an ios token must be hexadecimal');
    expect(refusal({ token: 'z'.repeat(64) })).toBe('an ios token must be hexadecimal');
  });

  it.each(['token', 'pubKey'])('says that %s is missing', (field) => {
    expect(refusal({ [field]: undefined })).toBe('Missing parameter');
  });

  it('ignores what it does not know', () => {
    expect(parse({ extra: 1 }).data).not.toHaveProperty('extra');
  });
});

describe('unregisterSchema', () => {
  it('needs the token alone', () => {
    expect(unregisterSchema.safeParse({ token: 't' }).data).toEqual({ token: 't', iosToken: null });
    expect(unregisterSchema.safeParse({}).error?.issues[0]?.message).toBe('Missing parameter');
  });

  it('says what the token is called when it is for an iPhone', () => {
    expect(unregisterSchema.safeParse({ token: HEX }).data).toEqual({ token: HEX, iosToken: HEX.toLowerCase() });
  });
});
