import { storedId } from './support/stored.js';
import { ClosedGroupMember } from '../src/closed-groups/closed-group-member.entity.js';
import { expect, it } from 'vitest';
import { MAX_MEMBERS_PER_GROUP } from '../src/closed-groups/closed-groups.service.js';
import { MAX_GROUPS_PER_REGISTRATION } from '../src/closed-groups/dto/closed-group-commands.dto.js';
import { describeEachDatabase } from './support/databases.js';
import { newAndroidToken, newData, newHuaweiToken, newId, newIosToken } from './support/people.js';
import { useServer } from './support/test-server.js';

const SUCCESS = { status: 200, body: { code: 1, message: 'Success' } };
const NO_GROUP = { status: 200, body: { code: 0, message: 'Cannot find the closed group id on PN server.' } };
const bad = (message: string) => ({ status: 400, body: { code: 0, message } });

describeEachDatabase('a closed group', (databases) => {
  const suite = useServer(databases);
  const subscribe = (closedGroupPublicKey: string, pubKey: string) =>
    suite.server.send('subscribe_closed_group', { closedGroupPublicKey, pubKey });
  const unsubscribe = (closedGroupPublicKey: string, pubKey: string) =>
    suite.server.send('unsubscribe_closed_group', { closedGroupPublicKey, pubKey });
  const received = () => suite.gateways.all.flatMap((gateway) => gateway.received.map(({ token }) => token)).toSorted();
  const fillGroup = async (groupId: string, count: number) => {
    const members = Array.from({ length: count }, newId).map((id) => `('${groupId}', '${id}')`);
    await suite.server.dataSource.query(
      `INSERT INTO closed_group_members (group_id, session_id) VALUES ${members.join(',')}`,
    );
  };

  it('takes members that have no device, and the same one twice', async () => {
    const [group, member] = [newId(), newId()];
    expect(await subscribe(group, member)).toEqual(SUCCESS);
    expect(await subscribe(group, member)).toEqual(SUCCESS);
  });

  it('is found when a member leaves, whoever that is, and not when nobody ever joined', async () => {
    const [group, member] = [newId(), newId()];
    expect(await unsubscribe(group, member)).toEqual(NO_GROUP);
    await subscribe(group, member);
    expect(await unsubscribe(group, newId())).toEqual(SUCCESS);
    expect(await unsubscribe(group, member)).toEqual(SUCCESS);
  });

  it('answers Success when its last member leaves twice', async () => {
    const [group, member] = [newId(), newId()];
    await subscribe(group, member);
    expect(await unsubscribe(group, member)).toEqual(SUCCESS);
    expect(await unsubscribe(group, member)).toEqual(SUCCESS);
    await suite.server.restart();
    expect(await unsubscribe(group, member)).toEqual(SUCCESS);
  });

  it('is pushed to all devices of all members, the sender too, and not to those who left', async () => {
    const [group, anna, ben, carl, gone] = [newId(), newId(), newId(), newId(), newId()];
    const tokens = [newIosToken(), newAndroidToken(), newHuaweiToken()];
    await suite.server.register(anna, tokens[0] ?? '');
    await suite.server.register(anna, tokens[1] ?? '');
    await suite.server.register(ben, tokens[2] ?? '', 'huawei');
    await suite.server.register(gone, newAndroidToken());
    for (const member of [anna, ben, carl, gone]) await subscribe(group, member);
    await unsubscribe(group, gone);
    await suite.server.notify(group, newData());
    await suite.server.idle();
    expect(received()).toEqual(tokens.toSorted());
  });

  it('is pushed to a member who unregistered and came back, without joining again', async () => {
    const [group, member, token] = [newId(), newId(), newIosToken()];
    await suite.server.register(member, token);
    await subscribe(group, member);
    await suite.server.send('unregister', { token });
    await suite.server.notify(group, newData());
    await suite.server.idle();
    expect(received()).toEqual([]);
    await suite.server.register(member, token);
    await suite.server.notify(group, newData());
    await suite.server.idle();
    expect(received()).toEqual([token]);
  });

  it('gets all groups of register_legacy_groups_only, which adds and never removes', async () => {
    const [pubKey, token] = [newId(), newIosToken()];
    const groups = [newId(), newId(), newId()];
    const register = (legacyGroupPublicKeys: unknown) =>
      suite.server.send('register_legacy_groups_only', { pubKey, token, device: 'ios', legacyGroupPublicKeys });
    expect(await register(groups.slice(0, 2))).toEqual(SUCCESS);
    expect(await register([groups[2] ?? '', groups[2] ?? ''])).toEqual(SUCCESS);
    expect(await register([])).toEqual(SUCCESS);
    for (const group of groups) await suite.server.notify(group, newData());
    await suite.server.idle();
    expect(received()).toEqual([token, token, token]);
  });

  it.each([
    [null, 'legacyGroupPublicKeys must be a list'],
    [{}, 'legacyGroupPublicKeys must be a list'],
    [[7], 'a legacyGroupPublicKeys entry must be a string'],
    [['x'.repeat(256)], 'a legacyGroupPublicKeys entry must be at most 255 characters'],
    [[''], 'Missing parameter'],
    [new Array(MAX_GROUPS_PER_REGISTRATION + 1).fill('x'), 'legacyGroupPublicKeys must have at most 200 entries'],
  ])('is not joined with a list like %j', async (legacyGroupPublicKeys, message) => {
    const args = { pubKey: newId(), token: newIosToken(), legacyGroupPublicKeys: legacyGroupPublicKeys };
    expect(await suite.server.send('register_legacy_groups_only', args)).toEqual(bad(message));
    expect(await suite.server.device(args.token)).toBeNull();
  });

  it(`takes ${MAX_GROUPS_PER_REGISTRATION} groups at once`, async () => {
    const groups = Array.from({ length: MAX_GROUPS_PER_REGISTRATION }, newId);
    const args = { pubKey: newId(), token: newIosToken(), legacyGroupPublicKeys: groups };
    expect(await suite.server.send('register_legacy_groups_only', args)).toEqual(SUCCESS);
    expect(await unsubscribe(groups.at(-1) ?? '', args.pubKey)).toEqual(SUCCESS);
  });

  it(`keeps ${MAX_MEMBERS_PER_GROUP} members, refuses nobody and answers members and strangers alike`, async () => {
    const [group, member] = [newId(), newId()];
    await subscribe(group, member);
    await fillGroup(group, MAX_MEMBERS_PER_GROUP - 1);
    expect(await subscribe(group, member)).toEqual(SUCCESS);
    expect(await subscribe(group, newId())).toEqual(SUCCESS);
    const members = suite.server.dataSource.getRepository(ClosedGroupMember);
    expect(await members.countBy({ groupId: storedId(group) })).toBe(MAX_MEMBERS_PER_GROUP);
  });

  it('registers a device with all its groups although one of them is full', async () => {
    const [full, open, pubKey, token] = [newId(), newId(), newId(), newIosToken()];
    await subscribe(full, newId());
    await fillGroup(full, MAX_MEMBERS_PER_GROUP - 1);
    const args = { pubKey, token, legacyGroupPublicKeys: [open, full] };
    expect(await suite.server.send('register_legacy_groups_only', args)).toEqual(SUCCESS);
    for (const group of [open, full]) await suite.server.notify(group, newData());
    await suite.server.idle();
    expect(received()).toEqual([token, token]);
  });

  it('reaches its members although somebody registered a device for its id', async () => {
    const [group, member, token, junk] = [newId(), newId(), newIosToken(), newIosToken()];
    await suite.server.register(member, token);
    await subscribe(group, member);
    await suite.server.register(group, junk, 'unknown');
    await suite.server.notify(group, newData());
    await suite.server.register(group, junk, 'ios');
    await suite.server.notify(group, newData());
    await suite.server.idle();
    expect(received().filter((one) => one === token)).toHaveLength(2);
  });
});
