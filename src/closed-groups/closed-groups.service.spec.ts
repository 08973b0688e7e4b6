import { dutiesOf } from '../config/duties.js';
import { DAY_MS } from '../config/durations.js';
import { QueryFailedError } from 'typeorm';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { turnsDuring } from '../../test/support/event-loop.js';
import { useTestDatabase } from '../../test/support/test-data-source.js';
import { storedId, storedToken } from '../../test/support/stored.js';
import { Device } from '../devices/device.entity.js';
import { inPowersOfTwo } from '../database/statement-sizes.js';
import { DevicesService, MAX_DEVICES_PER_SESSION_ID } from '../devices/devices.service.js';
import { NoSealing } from '../sealing/sealing.js';
import { ClosedGroupMember } from './closed-group-member.entity.js';
import { ClosedGroup } from './closed-group.entity.js';
import { ClosedGroupsCommands } from './closed-groups.commands.js';
import { ClosedGroupsScheduler } from './closed-groups.scheduler.js';
import { ClosedGroupsService, MAX_MEMBERS_PER_GROUP } from './closed-groups.service.js';

const SUCCESS = { code: 1, message: 'Success' };
const UNKNOWN_GROUP = { code: 0, message: 'Cannot find the closed group id on PN server.' };
describeEachDatabase('closed groups', (databases) => {
  const database = useTestDatabase(databases);
  let commands: ClosedGroupsCommands;
  let groups: ClosedGroupsService;

  beforeEach(() => {
    const { dataSource, writer } = database;
    groups = new ClosedGroupsService(dataSource.getRepository(ClosedGroup), writer);
    commands = new ClosedGroupsCommands(
      groups,
      new DevicesService(dataSource.getRepository(Device), writer, new NoSealing()),
      writer,
      new NoSealing(),
    );
  });
  afterEach(() => void vi.useRealTimers());

  const join = (groupId: string, sessionId: string) => commands.subscribe({ groupId, sessionId });
  const leave = (groupId: string, sessionId: string) => commands.unsubscribe({ groupId, sessionId });
  const members = async (groupId: string): Promise<string[]> => {
    const rows = await database.dataSource.getRepository(ClosedGroupMember).findBy({ groupId: storedId(groupId) });
    return rows.map(({ sessionId }) => sessionId).toSorted();
  };
  const knownGroups = () => database.dataSource.getRepository(ClosedGroup).count();
  const fill = (groupId: string, count: number) =>
    database.writer.write(async (manager) => {
      const group = storedId(groupId);
      await groups.add(manager, { groupId: group, sessionId: storedId('first') });
      const rest = Array.from({ length: count - 1 }, (_, index) => ({
        groupId: group,
        sessionId: storedId(`m${index}`),
      }));
      await manager.insert(ClosedGroupMember, rest);
    });
  const registration = { token: 't1', sessionId: '05a', deviceType: 'android' as const };
  const deviceOf = (sessionId: string) => ({
    token: `of ${sessionId}`,
    sessionId,
    deviceType: 'android' as const,
    legacyGroupsOnly: false,
    registeredAt: 1,
    apnsEnvironment: null,
    acceptedAt: null,
  });

  it('lets an id join, once however often it asks', async () => {
    expect(await join('g', '05a')).toEqual(SUCCESS);
    expect(await join('g', '05a')).toEqual(SUCCESS);
    expect(await join('g', '05b')).toEqual(SUCCESS);
    expect(await members('g')).toEqual(['05a', '05b']);
  });

  it('lets 100 ids join a new group at once', async () => {
    const ids = Array.from({ length: 100 }, (_, index) => `05${index}`);
    const results = await Promise.allSettled(ids.map((id) => join('g', id)));
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(await members('g')).toEqual(ids.toSorted());
  });

  it('lets an id leave and says so however often it asks', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 });
    await join('g', '05a');
    await join('g', '05b');
    expect(await leave('g', '05a')).toEqual(SUCCESS);
    expect(await leave('g', '05a')).toEqual(SUCCESS);
    expect(await members('g')).toEqual(['05b']);
  });

  it('knows a group for a while after its last member left', async () => {
    await join('g', '05a');
    await leave('g', '05a');
    expect(await leave('g', '05a')).toEqual(SUCCESS);
  });

  it('says that it does not know a group that nobody joined', async () => {
    expect(await leave('g', '05a')).toEqual(UNKNOWN_GROUP);
  });

  it('tells groups that differ in case apart', async () => {
    await join('g', '05a');
    expect(await leave('G', '05a')).toEqual(UNKNOWN_GROUP);
    expect(await members('g')).toEqual(['05a']);
  });

  it('forgets empty groups that nobody left for a week, and no others', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 });
    await join('empty', '05a');
    await leave('empty', '05a');
    await join('followed', '05a');
    vi.setSystemTime(1_800_000_000_000 + 6 * DAY_MS);
    await join('lately left', '05a');
    await leave('lately left', '05a');
    const scheduler = new ClosedGroupsScheduler(groups, dutiesOf({ role: 'all', redisUrl: null }));
    await scheduler.forgetEmptyGroups();
    expect(await knownGroups()).toBe(3);
    vi.setSystemTime(1_800_000_000_000 + 8 * DAY_MS);
    await scheduler.forgetEmptyGroups();
    expect(await knownGroups()).toBe(2);
    expect(await leave('empty', '05a')).toEqual(UNKNOWN_GROUP);
    expect(await members('followed')).toEqual(['05a']);
  });

  it('leaves the event loop its turns while it forgets many empty groups', async () => {
    await database.writer.write(async (manager) => {
      const rows = Array.from({ length: 3000 }, (_, index) => [`g${index}`, 1]);
      for (const some of inPowersOfTwo(rows)) {
        await manager.query(`INSERT INTO closed_groups VALUES ${some.map(() => '(?, ?)').join(', ')}`, some.flat());
      }
    });
    await join('g7', '05a');
    let forgotten = 0;
    expect(await turnsDuring(async () => (forgotten = await groups.forgetEmpty(2)))).toBeGreaterThan(5);
    expect(forgotten).toBe(2999);
    expect(await knownGroups()).toBe(1);
  });

  it('bounds the members of a group without refusing the newest, and answers everybody alike', async () => {
    await fill('g', MAX_MEMBERS_PER_GROUP);
    expect(await join('g', '05new')).toEqual(SUCCESS);
    expect(await join('g', 'first')).toEqual(SUCCESS);
    const all = await members('g');
    expect([all.length, all.includes('first')]).toEqual([MAX_MEMBERS_PER_GROUP, true]);
  });

  it('lets somebody go from a full group whom no provider ever reached', async () => {
    await fill('g', MAX_MEMBERS_PER_GROUP);
    const real = (await members('g')).slice(0, 100);
    await database.writer.write((manager) =>
      manager.insert(
        Device,
        real.map((sessionId) => ({ ...deviceOf(sessionId), acceptedAt: 1 })),
      ),
    );
    for (let stranger = 0; stranger < 40; stranger++) await join('g', `05stranger${stranger}`);
    const left = new Set(await members('g'));
    expect([left.size, real.filter((member) => !left.has(member))]).toEqual([MAX_MEMBERS_PER_GROUP, []]);
  });

  it('registers a device for groups only, together with its groups', async () => {
    const groupIds = ['g1', 'g2', 'g1'];
    expect(await commands.registerLegacyGroupsOnly({ registration, groupIds })).toEqual(SUCCESS);
    const device = await database.dataSource.getRepository(Device).findOneByOrFail({ token: storedToken('t1') });
    expect(device).toMatchObject({ sessionId: '05a', legacyGroupsOnly: true });
    expect(await members('g1')).toEqual(['05a']);
    expect(await members('g2')).toEqual(['05a']);
  });

  it('adds groups with a registration and never leaves any', async () => {
    await commands.registerLegacyGroupsOnly({ registration, groupIds: ['g1'] });
    await commands.registerLegacyGroupsOnly({ registration, groupIds: [] });
    expect(await members('g1')).toEqual(['05a']);
  });

  it('stores all of a registration although a group is full and the id has too many devices', async () => {
    await fill('full', MAX_MEMBERS_PER_GROUP);
    await database.writer.write((manager) =>
      manager.insert(
        Device,
        Array.from({ length: MAX_DEVICES_PER_SESSION_ID }, (_, index) => ({
          ...deviceOf('05a'),
          token: `other${index}`,
        })),
      ),
    );
    expect(await commands.registerLegacyGroupsOnly({ registration, groupIds: ['g1', 'full', 'g2'] })).toEqual(SUCCESS);
    expect(await database.dataSource.getRepository(Device).countBy({ token: storedToken('t1') })).toBe(1);
    for (const group of ['g1', 'full', 'g2']) expect(await members(group)).toContain('05a');
    expect(await members('full')).toHaveLength(MAX_MEMBERS_PER_GROUP);
  });

  it('looks memberships that it has up together, without counting members', async () => {
    const groupIds = Array.from({ length: 200 }, (_, index) => `g${index}`);
    await commands.registerLegacyGroupsOnly({ registration, groupIds });
    await database.writer.write(async (manager) => {
      const query = vi.spyOn(manager, 'query');
      await groups.join(manager, storedId('05a'), groupIds.map(storedId));
      expect(query.mock.calls.length).toBeLessThan(10);
      query.mockRestore();
    });
  });

  it('does not answer a database error as a refusal', async () => {
    const broken = { registration: { ...registration, token: null as unknown as string }, groupIds: [] };
    await expect(commands.registerLegacyGroupsOnly(broken)).rejects.toThrow(QueryFailedError);
  });
});
