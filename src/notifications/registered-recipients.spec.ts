import { Logger } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ClosedGroup } from '../closed-groups/closed-group.entity.js';
import { ClosedGroupsService } from '../closed-groups/closed-groups.service.js';
import { Device, type DeviceType } from '../devices/device.entity.js';
import { type Counter } from '../statistics/statistics-counts.js';
import { DevicesService } from '../devices/devices.service.js';
import { inPowersOfTwo } from '../database/statement-sizes.js';
import { type RecipientPage, type Recipients } from '../delivery/recipient-resolver.js';
import { type Provider, type PushTarget } from '../providers/push-transport.js';
import { KeyedSealing, NoSealing } from '../sealing/sealing.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { useTestDatabase } from '../../test/support/test-data-source.js';
import { storedId, storedToken } from '../../test/support/stored.js';
import { RegisteredRecipients } from './registered-recipients.js';

const MAX = 2048;
const targetsOf = (found: Recipients | undefined) =>
  found && found.targets !== 'large' ? found.targets : new Map<Provider, PushTarget[]>();

describeEachDatabase('RegisteredRecipients', (databases) => {
  const database = useTestDatabase(databases);
  let recipients: RegisteredRecipients;
  let devices: DevicesService;
  let groups: ClosedGroupsService;

  beforeEach(() => {
    const { dataSource, writer } = database;
    devices = new DevicesService(dataSource.getRepository(Device), writer, new NoSealing());
    groups = new ClosedGroupsService(dataSource.getRepository(ClosedGroup), writer);
    recipients = new RegisteredRecipients(devices, groups);
  });

  const register = (token: string, sessionId: string, deviceType: DeviceType = 'android', groupsOnly = false) =>
    database.writer.write((manager) => {
      const device = { token: storedToken(token), sessionId: storedId(sessionId), deviceType };
      return devices.save(manager, device, groupsOnly);
    });
  const membership = (groupId: string, sessionId: string) => ({
    groupId: storedId(groupId),
    sessionId: storedId(sessionId),
  });
  const join = (groupId: string, sessionId: string) =>
    database.writer.write((manager) => groups.add(manager, membership(groupId, sessionId)));
  /** What it counts as, and the tokens per provider. */
  const find = async (plain: string) => {
    const id = storedId(plain);
    const found = (await recipients.find([id], MAX)).get(id);
    const targets = [...targetsOf(found)].map(
      ([provider, list]) => [provider, list.map(({ token }) => token).toSorted()] as const,
    );
    return { counter: found?.counters[1], ...Object.fromEntries(targets) };
  };
  /** So many devices of an id, written without asking. */
  const give = (sessionId: string, count: number, fields: Partial<Device> = {}) =>
    database.writer.write(async (manager) => {
      const rows = Array.from({ length: count }, (_, index) => ({
        token: `${sessionId} ${index}`,
        sessionId,
        deviceType: 'android' as const,
        legacyGroupsOnly: false,
        registeredAt: index,
        apnsEnvironment: null,
        acceptedAt: null,
        ...fields,
      }));
      for (const some of inPowersOfTwo(rows)) await manager.insert(Device, some);
    });

  it('finds the devices of a person by provider', async () => {
    await register('t1', '05a', 'ios');
    await register('t2', '05a', 'android');
    await register('t3', '05a', 'huawei');
    await register('t4', '05a', 'ios');
    await register('t5', '05b', 'ios');
    expect(await find('05a')).toEqual({ counter: 'oneToOneMessages', apns: ['t1', 't4'], fcm: ['t2'], huawei: ['t3'] });
  });

  it('gives each device with what guarded removal compares', async () => {
    const token = storedToken('t1');
    await register(token, '05a', 'ios');
    const { registeredAt } = await database.dataSource.getRepository(Device).findOneByOrFail({ token });
    await devices.rememberApnsEnvironment({ token, registeredAt }, 'sandbox');
    await register('t2', '05b', 'ios');
    const found = await recipients.find([storedId('05a'), storedId('05b')], MAX);
    expect(targetsOf(found.get(storedId('05a'))).get('apns')).toEqual([
      { token: 't1', registeredAt, apnsEnvironment: 'sandbox', acceptedAt: null },
    ]);
    expect(targetsOf(found.get(storedId('05b'))).get('apns')).toMatchObject([{ token: 't2', apnsEnvironment: null }]);
  });

  it('finds the devices of all members of a closed group, whatever they are registered for', async () => {
    await register('t1', '05a', 'ios');
    await register('t2', '05b', 'android', true);
    await join('g', '05a');
    await join('g', '05b');
    await join('g', '05c');
    expect(await find('g')).toEqual({ counter: 'closedGroupMessages', apns: ['t1'], fcm: ['t2'] });
  });

  it('tells what comes through a group from what is for the owner of a device', async () => {
    await register('own', 'both', 'ios');
    await register('of a member', '05b', 'ios');
    await join('both', '05b');
    const found = (await recipients.find([storedId('both')], MAX)).get(storedId('both'));
    const how = targetsOf(found)
      .get('apns')
      ?.map(({ token, isThroughGroup }) => [token, isThroughGroup]);
    expect(how).toEqual([
      ['own', undefined],
      ['of a member', true],
    ]);
  });

  it('knows a closed group whose members have no device', async () => {
    await join('g', '05a');
    expect(await find('g')).toEqual({ counter: 'closedGroupMessages' });
  });

  it('knows a closed group whose last member left lately', async () => {
    await join('g', '05a');
    await groups.leave(membership('g', '05a'));
    expect(await find('g')).toEqual({ counter: 'closedGroupMessages' });
  });

  it('does not track an id that is registered for groups only', async () => {
    await register('t1', '05a', 'android', true);
    expect(await find('05a')).toEqual({ counter: 'untrackedMessages' });
  });

  it('wakes only the devices that are registered in full', async () => {
    await register('t1', '05a', 'android', true);
    await register('t2', '05a', 'android');
    expect(await find('05a')).toEqual({ counter: 'oneToOneMessages', fcm: ['t2'] });
  });

  it('reaches both when an id is a person and a group, each device once', async () => {
    await register('t1', 'both', 'android');
    await register('t2', '05b', 'android');
    await join('both', '05b');
    await join('both', 'both');
    expect(await find('both')).toEqual({ counter: 'oneToOneMessages', fcm: ['t1', 't2'] });
  });

  it('reaches a group although somebody registered a device of unknown type for its id', async () => {
    await register('t1', 'g', 'unknown');
    await register('t2', '05b', 'android');
    await join('g', '05b');
    expect(await find('g')).toEqual({ counter: 'closedGroupMessages', fcm: ['t2'] });
  });

  it('takes it for the group when the person is registered for groups only', async () => {
    await register('t1', 'both', 'android', true);
    await register('t2', '05b', 'android');
    await join('both', '05b');
    expect(await find('both')).toEqual({ counter: 'closedGroupMessages', fcm: ['t2'] });
  });

  it('delivers nothing to a device of unknown type', async () => {
    await register('t1', '05a', 'unknown');
    expect(await find('05a')).toEqual({ counter: 'untrackedMessages' });
  });

  it('does not take ids that differ in case for each other', async () => {
    await register('t1', '05a', 'android');
    await join('g', '05a');
    expect(await find('05A')).toEqual({ counter: 'untrackedMessages' });
    expect(await find('G')).toEqual({ counter: 'untrackedMessages' });
  });

  it('answers for each of a batch, whatever its length', async () => {
    await register('t1', '05a', 'android');
    await join('g', '05a');
    for (const strangers of [0, 1, 2, 5, 254]) {
      const names = Array.from({ length: strangers }, (_, index) => `stranger${index}`);
      const ids = ['05a', 'g', ...names].map(storedId);
      const found = await recipients.find(ids, MAX);
      expect([...found.keys()]).toEqual(ids);
      const count = (counter: Counter) =>
        [...found.values()].filter(({ counters }) => counters.includes(counter)).length;
      expect([count('oneToOneMessages'), count('closedGroupMessages'), count('untrackedMessages')]).toEqual([
        1,
        1,
        strangers,
      ]);
      expect(targetsOf(found.get(storedId('05a'))).get('fcm')).toHaveLength(1);
    }
  });

  describe('with many devices', () => {
    /** All pages of a recipient's devices at a provider. */
    const pages = async (plain: string) => {
      const id = storedId(plain);
      const [found, leftOut]: [string[][], number[]] = [[], []];
      for (let from: string | null = ''; from !== null;) {
        const page: RecipientPage = await recipients.page(id, 'fcm', from);
        found.push(page.targets.map(({ token }) => token));
        leftOut.push(page.leftOut);
        from = page.next;
      }
      return { found, leftOut: leftOut.reduce((sum, count) => sum + count, 0) };
    };

    it('answers for as many recipients as have so many devices, and for one at least', async () => {
      for (const id of ['a', 'b', 'c', 'd']) await give(id, 60);
      expect([...(await recipients.find(['a', 'b', 'c', 'd'].map(storedId), 130)).keys()]).toEqual(['a', 'b']);
      expect([...(await recipients.find(['a', 'b', 'c', 'd'].map(storedId), 10)).keys()]).toEqual(['a']);
      expect([...(await recipients.find(['a', 'b', 'c', 'd'].map(storedId), 240)).keys()]).toEqual([
        'a',
        'b',
        'c',
        'd',
      ]);
    });

    it('takes a recipient with more than some alone, and in pages', async () => {
      for (const id of ['a', 'b', 'c']) {
        await give(id, 100);
        await join('g', id);
      }
      await register('own', 'g');
      const found = await recipients.find(['g', 'a'].map(storedId), MAX);
      expect(found.get(storedId('g'))).toEqual({ targets: 'large', counters: ['totalMessages', 'oneToOneMessages'] });
      expect(targetsOf(found.get(storedId('a'))).get('fcm')).toHaveLength(100);
      expect([...(await recipients.find(['g', 'a'].map(storedId), 200)).keys()]).toEqual(['g']);
    });

    it('brings each device once, page by page', async () => {
      const members = Array.from({ length: 120 }, (_, index) => `m${String(index).padStart(3, '0')}`);
      for (const member of members) await join('g', member);
      await give('m000', 3);
      await give('m060', 2);
      await give('m119', 1);
      await register('own', 'g');
      await register('of another provider', 'm060', 'ios');
      const { found, leftOut } = await pages('g');
      expect(found).toEqual([['own', 'm000 2', 'm000 1', 'm000 0'], ['m060 1', 'm060 0'], ['m119 0']]);
      expect(leftOut).toBe(0);
    });

    it('leaves out what is more than one member’s share: those that nobody accepted, and the oldest', async () => {
      await join('g', 'a');
      await give('a', 30);
      const repository = database.dataSource.getRepository(Device);
      await repository.update({ token: storedToken('a 0') }, { acceptedAt: 5 });
      const { found, leftOut } = await pages('g');
      expect(found).toEqual([['a 0', ...Array.from({ length: 9 }, (_, index) => `a ${29 - index}`)]]);
      expect(leftOut).toBe(20);
    });
  });

  describe('in a sealed database', () => {
    const sealing = new KeyedSealing(randomBytes(32));
    const [alice, bob, group] = [sealing.id('05a'), sealing.id('05b'), sealing.id('g')];
    const [one, other] = [sealing.token('t1'), sealing.token('t2')];
    const change = (column: string, value: string | null, token: string) =>
      database.writer.write((manager) =>
        manager.query(`UPDATE devices SET ${column} = ? WHERE token = ?`, [value, token]),
      );
    const tokensOf = async (id: typeof alice) =>
      [...targetsOf((await recipients.find([id], MAX)).get(id)).values()].flat().map(({ token }) => token);
    const errors = () => {
      const spy = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
      return { calls: spy.mock.calls, restore: () => spy.mockRestore() };
    };

    beforeEach(async () => {
      const { dataSource, writer } = database;
      devices = new DevicesService(dataSource.getRepository(Device), writer, sealing);
      recipients = new RegisteredRecipients(devices, groups);
      await writer.write(async (manager) => {
        await devices.save(manager, { token: one, sessionId: alice, deviceType: 'android' }, false);
        await devices.save(manager, { token: other, sessionId: bob, deviceType: 'android' }, false);
        for (const sessionId of [alice, bob]) await groups.add(manager, { groupId: group, sessionId });
      });
    });

    it('leaves out a token that was moved to another id in the database, and tells it once', async () => {
      expect([await tokensOf(alice), await tokensOf(bob)]).toEqual([[one], [other]]);
      await change('session_id', bob, one);
      const told = errors();
      expect([await tokensOf(alice), await tokensOf(bob), await tokensOf(group)]).toEqual([[], [other], [other]]);
      expect((await recipients.page(group, 'fcm', '')).targets.map(({ token }) => token)).toEqual([other]);
      told.restore();
      expect(told.calls).toEqual([
        [{ msg: 'stored devices were put together by somebody else and are left out', count: 1 }],
      ]);
    });

    it('leaves out a token that was put into the place of another, with the binding of either', async () => {
      const read = () => database.dataSource.getRepository(Device).findBy({});
      const binding = (await read()).find(({ token }) => token === one)?.binding ?? null;
      await database.writer.write((manager) => manager.delete(Device, { token: other }));
      await change('token', other, one);
      const told = errors();
      expect(await tokensOf(alice)).toEqual([]);
      expect((await read())[0]?.binding).toBe(binding);
      await change('binding', null, other);
      expect(await tokensOf(alice)).toEqual([]);
      told.restore();
    });

    it('leaves out a token that was given another type', async () => {
      await change('device_type', 'huawei', one);
      const told = errors();
      expect(await tokensOf(alice)).toEqual([]);
      told.restore();
    });

    it('finds it again when its app has registered', async () => {
      await change('session_id', bob, one);
      await database.writer.write((manager) =>
        devices.save(manager, { token: one, sessionId: alice, deviceType: 'android' }, false),
      );
      expect(await tokensOf(alice)).toEqual([one]);
    });

    it('finds a token that moved by registering', async () => {
      await database.writer.write((manager) =>
        devices.save(manager, { token: one, sessionId: bob, deviceType: 'android' }, false),
      );
      expect([await tokensOf(alice), (await tokensOf(bob)).toSorted()]).toEqual([[], [one, other].toSorted()]);
    });

    it('hands on a token that nobody can open, which is removed where it would be sent', async () => {
      const damaged = other.slice(0, -4);
      await change('token', damaged, other);
      expect(await tokensOf(bob)).toEqual([damaged]);
    });
  });
});
