import { beforeEach, expect, it } from 'vitest';
import { ClosedGroupsService } from '../closed-groups/closed-groups.service.js';
import { Device, type DeviceType } from '../devices/device.entity.js';
import { DevicesService } from '../devices/devices.service.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { useTestDatabase } from '../../test/support/test-data-source.js';
import { RecipientsService } from './recipients.service.js';

describeEachDatabase('RecipientsService', (databases) => {
  const database = useTestDatabase(databases);
  let recipients: RecipientsService;
  let devices: DevicesService;
  let groups: ClosedGroupsService;

  beforeEach(() => {
    const { dataSource, writer } = database;
    recipients = new RecipientsService(dataSource);
    devices = new DevicesService(dataSource.getRepository(Device), writer);
    groups = new ClosedGroupsService(writer);
  });

  const register = (token: string, sessionId: string, deviceType: DeviceType = 'android', groupsOnly = false) =>
    database.writer.write((manager) => devices.save(manager, { token, sessionId, deviceType }, groupsOnly));
  const join = (groupId: string, sessionId: string) =>
    database.writer.write((manager) => groups.add(manager, { groupId, sessionId }));
  /** Kind, and the tokens per provider. */
  const find = async (id: string) => {
    const found = (await recipients.find([id])).get(id);
    const targets = [...(found?.targets ?? [])].map(
      ([provider, list]) => [provider, list.map(({ token }) => token).toSorted()] as const,
    );
    return { kind: found?.kind, ...Object.fromEntries(targets) };
  };

  it('finds the devices of a person by provider', async () => {
    await register('t1', '05a', 'ios');
    await register('t2', '05a', 'android');
    await register('t3', '05a', 'huawei');
    await register('t4', '05a', 'ios');
    await register('t5', '05b', 'ios');
    expect(await find('05a')).toEqual({ kind: 'one-to-one', apns: ['t1', 't4'], fcm: ['t2'], huawei: ['t3'] });
  });

  it('gives each device with what guarded removal compares', async () => {
    await register('t1', '05a', 'ios');
    const { registeredAt } = await database.dataSource.getRepository(Device).findOneByOrFail({ token: 't1' });
    await devices.rememberApnsEnvironment({ token: 't1', registeredAt }, 'sandbox');
    await register('t2', '05b', 'ios');
    const found = await recipients.find(['05a', '05b']);
    expect(found.get('05a')?.targets.get('apns')).toEqual([{ token: 't1', registeredAt, apnsEnvironment: 'sandbox' }]);
    expect(found.get('05b')?.targets.get('apns')).toMatchObject([{ token: 't2', apnsEnvironment: null }]);
  });

  it('finds the devices of all members of a closed group, whatever they are registered for', async () => {
    await register('t1', '05a', 'ios');
    await register('t2', '05b', 'android', true);
    await join('g', '05a');
    await join('g', '05b');
    await join('g', '05c');
    expect(await find('g')).toEqual({ kind: 'closed-group', apns: ['t1'], fcm: ['t2'] });
  });

  it('knows a closed group whose members have no device', async () => {
    await join('g', '05a');
    expect(await find('g')).toEqual({ kind: 'closed-group' });
  });

  it('knows a closed group whose last member left lately', async () => {
    await join('g', '05a');
    await groups.leave({ groupId: 'g', sessionId: '05a' });
    expect(await find('g')).toEqual({ kind: 'closed-group' });
  });

  it('does not track an id that is registered for groups only', async () => {
    await register('t1', '05a', 'android', true);
    expect(await find('05a')).toEqual({ kind: 'untracked' });
  });

  it('wakes only the devices that are registered in full', async () => {
    await register('t1', '05a', 'android', true);
    await register('t2', '05a', 'android');
    expect(await find('05a')).toEqual({ kind: 'one-to-one', fcm: ['t2'] });
  });

  it('takes an id that is a person and a group for the person', async () => {
    await register('t1', 'both', 'android');
    await register('t2', '05b', 'android');
    await join('both', '05b');
    expect(await find('both')).toEqual({ kind: 'one-to-one', fcm: ['t1'] });
  });

  it('takes it for the group when the person is registered for groups only', async () => {
    await register('t1', 'both', 'android', true);
    await register('t2', '05b', 'android');
    await join('both', '05b');
    expect(await find('both')).toEqual({ kind: 'closed-group', fcm: ['t2'] });
  });

  it('delivers nothing to a device of unknown type', async () => {
    await register('t1', '05a', 'unknown');
    expect(await find('05a')).toEqual({ kind: 'one-to-one' });
  });

  it('does not take ids that differ in case for each other', async () => {
    await register('t1', '05a', 'android');
    await join('g', '05a');
    expect(await find('05A')).toEqual({ kind: 'untracked' });
    expect(await find('G')).toEqual({ kind: 'untracked' });
  });

  it('answers for each of a batch, whatever its length', async () => {
    await register('t1', '05a', 'android');
    await join('g', '05a');
    for (const strangers of [0, 1, 2, 5, 254]) {
      const ids = ['05a', 'g', ...Array.from({ length: strangers }, (_, index) => `stranger${index}`)];
      const found = await recipients.find(ids);
      expect([...found.keys()]).toEqual(ids);
      const count = (kind: string) => [...found.values()].filter((one) => one.kind === kind).length;
      expect([count('one-to-one'), count('closed-group'), count('untracked')]).toEqual([1, 1, strangers]);
      expect(found.get('05a')?.targets.get('fcm')).toHaveLength(1);
    }
  });
});
