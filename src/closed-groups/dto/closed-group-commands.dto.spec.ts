import { describe, expect, it } from 'vitest';
import {
  MAX_GROUPS_PER_REGISTRATION,
  membershipSchema,
  registerLegacyGroupsOnlySchema,
} from './closed-group-commands.dto.js';

describe('membershipSchema', () => {
  it('gives group and id', () => {
    expect(membershipSchema.parse({ closedGroupPublicKey: 'g', pubKey: '05a' })).toEqual({
      groupId: 'g',
      sessionId: '05a',
    });
  });

  it.each(['closedGroupPublicKey', 'pubKey'])('says that %s is missing', (field) => {
    const parsed = membershipSchema.safeParse({ closedGroupPublicKey: 'g', pubKey: '05a', [field]: '' });
    expect(parsed.error?.issues[0]?.message).toBe('Missing parameter');
  });
});

describe('registerLegacyGroupsOnlySchema', () => {
  const parse = (fields: object) => registerLegacyGroupsOnlySchema.safeParse({ token: 't', pubKey: '05a', ...fields });
  const refusal = (legacyGroupPublicKeys: unknown) => parse({ legacyGroupPublicKeys }).error?.issues[0]?.message;

  it('gives the registration and the groups', () => {
    expect(parse({ device: 'huawei', legacyGroupPublicKeys: ['g1', 'g2'] }).data).toEqual({
      registration: { token: 't', sessionId: '05a', deviceType: 'huawei' },
      groupIds: ['g1', 'g2'],
    });
  });

  it('takes a registration without groups', () => {
    expect(parse({}).data?.groupIds).toEqual([]);
    expect(parse({ legacyGroupPublicKeys: [] }).data?.groupIds).toEqual([]);
  });

  it.each(['g1', null, 7, { g1: true }])('refuses %j as a list of groups', (list) => {
    expect(refusal(list)).toBe('legacyGroupPublicKeys must be a list');
  });

  it('refuses an entry that is no id', () => {
    expect(refusal(['g1', 7])).toBe('a legacyGroupPublicKeys entry must be a string');
    expect(refusal(['g1', ''])).toBe('Missing parameter');
  });

  it('bounds the list', () => {
    const groups = Array.from({ length: MAX_GROUPS_PER_REGISTRATION }, (_, index) => `g${index}`);
    expect(parse({ legacyGroupPublicKeys: groups }).success).toBe(true);
    expect(refusal([...groups, 'one-more'])).toBe('legacyGroupPublicKeys must have at most 200 entries');
  });

  it('checks an iOS token as register does', () => {
    expect(parse({ device: 'ios' }).error?.issues[0]?.message).toBe('an ios token must be hexadecimal');
  });
});
