import { LessThan } from 'typeorm';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { turnsDuring } from '../../test/support/event-loop.js';
import { useTestDatabase } from '../../test/support/test-data-source.js';
import { storedId, storedToken } from '../../test/support/stored.js';
import { inPowersOfTwo } from '../database/statement-sizes.js';
import { NoSealing } from '../sealing/sealing.js';
import { Device, DEVICE_TYPES, type DeviceType } from './device.entity.js';
import { DevicesCommands } from './devices.commands.js';
import { DevicesService, MAX_DEVICES_PER_SESSION_ID } from './devices.service.js';
import { SuspectToken } from './suspect-token.entity.js';
import { SuspectTokensService } from './suspect-tokens.service.js';

const NONE = Object.fromEntries(DEVICE_TYPES.map((type) => [type, 0]));

describeEachDatabase('the registry of devices', (databases) => {
  const database = useTestDatabase(databases);
  let devices: DevicesService;
  let suspects: SuspectTokensService;
  let commands: DevicesCommands;

  beforeEach(() => {
    const { dataSource, writer } = database;
    devices = new DevicesService(dataSource.getRepository(Device), writer, new NoSealing());
    suspects = new SuspectTokensService(dataSource.getRepository(SuspectToken), writer);
    commands = new DevicesCommands(devices, writer, new NoSealing());
  });
  afterEach(() => void vi.useRealTimers());

  const register = (token: string, sessionId: string, deviceType: DeviceType = 'android') =>
    commands.register({ token, sessionId, deviceType });
  const registerForGroups = (token: string, sessionId: string) =>
    database.writer.write((manager) => {
      const device = { token: storedToken(token), sessionId: storedId(sessionId), deviceType: 'android' } as const;
      return devices.save(manager, device, true);
    });
  const find = (token: string) => database.dataSource.getRepository(Device).findOneBy({ token: storedToken(token) });
  const snapshot = async (token: string) => {
    const { registeredAt } = (await find(token)) as Device;
    return { token: storedToken(token), registeredAt };
  };
  const suspect = async (token: string, provider = 'apns', reason = 'BadDeviceToken') =>
    suspects.remember([{ ...(await snapshot(token)), provider, reason }], Date.now());

  it('stores a registration', async () => {
    const before = Date.now();
    expect(await register('t1', '05a', 'ios')).toEqual({ code: 1, message: 'Success' });
    const device = await find('t1');
    expect(device).toEqual({
      token: 't1',
      sessionId: '05a',
      deviceType: 'ios',
      legacyGroupsOnly: false,
      registeredAt: expect.any(Number) as number,
      apnsEnvironment: null,
      acceptedAt: null,
      binding: null,
    });
    expect(device?.registeredAt).toBeGreaterThanOrEqual(before);
  });

  it('moves a token to its newest owner', async () => {
    await register('t1', '05a');
    await register('t1', '05b', 'huawei');
    expect(await find('t1')).toMatchObject({ sessionId: '05b', deviceType: 'huawei' });
    expect(await devices.count()).toMatchObject({ sessionIds: 1 });
  });

  it('refreshes type, flag, time and environment on a repeated registration', async () => {
    await registerForGroups('t1', '05a');
    const first = await snapshot('t1');
    await devices.rememberApnsEnvironment(first, 'sandbox');
    await register('t1', '05a', 'ios');
    const device = await find('t1');
    expect(device).toMatchObject({ deviceType: 'ios', legacyGroupsOnly: false, apnsEnvironment: null });
    expect(device?.registeredAt).toBeGreaterThan(first.registeredAt);
  });

  it('gives each registration a later time, whichever process takes it and whatever its clock says', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 });
    const times: number[] = [];
    for (const elapsedMs of [0, 0, -60_000, 5]) {
      vi.setSystemTime(1_800_000_000_000 + elapsedMs);
      const process = new DevicesService(database.dataSource.getRepository(Device), database.writer, new NoSealing());
      await new DevicesCommands(process, database.writer, new NoSealing()).register({
        token: 't1',
        sessionId: '05a',
        deviceType: 'android',
      });
      times.push((await snapshot('t1')).registeredAt - 1_800_000_000_000);
    }
    expect(times).toEqual([0, 1, 2, 5]);
  });

  it('keeps in mind that a token was accepted, also when it moves or registers again, but not for another provider', async () => {
    await register('t1', '05a', 'android');
    const first = await snapshot('t1');
    await devices.rememberAccepted([first], 5);
    expect(await find('t1')).toMatchObject({ acceptedAt: 5 });
    await register('t1', '05b', 'android');
    await devices.rememberAccepted([first], 6);
    expect(await find('t1')).toMatchObject({ sessionId: '05b', acceptedAt: 5 });
    await register('t1', '05b', 'ios');
    expect(await find('t1')).toMatchObject({ acceptedAt: null });
  });

  it('keeps the flag of one token apart from the other tokens of its id', async () => {
    await register('t1', '05a');
    await registerForGroups('t2', '05a');
    expect(await find('t1')).toMatchObject({ legacyGroupsOnly: false });
    expect(await find('t2')).toMatchObject({ legacyGroupsOnly: true });
  });

  it('tells tokens and ids that differ in case apart', async () => {
    await register('abc', '05a');
    await register('ABC', '05A');
    expect(await find('abc')).toMatchObject({ sessionId: '05a' });
    expect(await find('ABC')).toMatchObject({ sessionId: '05A' });
    expect(await devices.count()).toMatchObject({ sessionIds: 2 });
  });

  it('never repeats a registration time, even when the clock steps back', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 });
    await register('t1', '05a');
    const first = await snapshot('t1');
    vi.setSystemTime(first.registeredAt - 60_000);
    await register('t1', '05a');
    expect((await snapshot('t1')).registeredAt).toBe(first.registeredAt + 1);
  });

  it('does not keep to a clock that was a year ahead', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_831_536_000_000 });
    await register('t1', '05a');
    vi.setSystemTime(1_800_000_000_000);
    await register('t1', '05a');
    expect((await snapshot('t1')).registeredAt).toBe(1_800_000_000_000);
    await register('t1', '05a');
    expect((await snapshot('t1')).registeredAt).toBe(1_800_000_000_001);
  });

  const fillUp = (sessionId: string) =>
    database.writer.write(async (manager) => {
      await manager.delete(Device, { sessionId: storedId(sessionId), registeredAt: LessThan(1000) });
      const rows = Array.from({ length: MAX_DEVICES_PER_SESSION_ID }, (_, index) => ({
        token: storedToken(`t${index}`),
        sessionId: storedId(sessionId),
        deviceType: 'android' as const,
        legacyGroupsOnly: false,
        registeredAt: index,
        apnsEnvironment: null,
        acceptedAt: null,
      }));
      await manager.insert(Device, rows);
    });
  const tokensOf = async (sessionId: string) =>
    (await database.dataSource.getRepository(Device).findBy({ sessionId: storedId(sessionId) })).map(
      ({ token }): string => token,
    );

  it('bounds the devices of an id without refusing the newest: the one that was registered for longest goes', async () => {
    await fillUp('05a');
    await suspect('t0');
    expect(await register('one-more', '05a')).toEqual({ code: 1, message: 'Success' });
    const tokens = await tokensOf('05a');
    expect([tokens.length, tokens.includes('one-more'), tokens.includes('t0')]).toEqual([
      MAX_DEVICES_PER_SESSION_ID,
      true,
      false,
    ]);
    expect(await suspects.summary()).toEqual([]);
    expect(await register('t1', '05a', 'huawei')).toMatchObject({ code: 1 });
    expect(await tokensOf('05a')).toHaveLength(MAX_DEVICES_PER_SESSION_ID);
  });

  it('lets a device of unknown type go first, and one that its provider accepted last', async () => {
    await fillUp('05a');
    await devices.rememberAccepted([await snapshot('t0')], 5);
    await register('unknown', '05a', 'unknown');
    await register('one', '05a');
    expect([await find('unknown'), await find('t2')]).toEqual([null, expect.anything()]);
    for (let index = 0; index < 10; index++) await register(`flood${index}`, '05a');
    expect([await find('t0'), await find('t2')]).toEqual([expect.anything(), null]);
    expect(await tokensOf('05a')).toHaveLength(MAX_DEVICES_PER_SESSION_ID);
  });

  it('moves a token to an id that has too many', async () => {
    await register('moving', '05b');
    await fillUp('05a');
    expect(await register('moving', '05a')).toMatchObject({ code: 1 });
    expect(await find('moving')).toMatchObject({ sessionId: '05a' });
    expect(await tokensOf('05a')).toHaveLength(MAX_DEVICES_PER_SESSION_ID);
  });

  it('stores 100 phones that register at once', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, (_, index) => register(`t${index}`, `05${index % 50}`)),
    );
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(await devices.count()).toMatchObject({ byType: { android: 100 }, sessionIds: 50 });
  });

  it('keeps one row when one phone registers many times at once', async () => {
    const results = await Promise.allSettled(Array.from({ length: 30 }, (_, index) => register('t1', `05${index}`)));
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(await devices.count()).toMatchObject({ sessionIds: 1 });
  });

  it('unregisters a token and says whether there was one', async () => {
    await register('t1', '05a');
    await register('t2', '05a');
    expect(await commands.unregister({ token: 't1', iosToken: null })).toEqual({ code: 1, message: 'Success' });
    expect(await commands.unregister({ token: 't1', iosToken: null })).toEqual({
      code: 0,
      message: 'Session id was not registered before.',
    });
    expect(await find('t1')).toBeNull();
    expect(await find('t2')).not.toBeNull();
  });

  it('counts devices by type and ids once', async () => {
    await register('t1', '05a', 'ios');
    await register('t2', '05a', 'android');
    await register('t3', '05b', 'huawei');
    await register('t4', '05c', 'unknown');
    expect(await devices.count()).toEqual({
      byType: { ...NONE, ios: 1, android: 1, huawei: 1, unknown: 1 },
      sessionIds: 3,
    });
  });

  it('leaves the event loop its turns while it counts many devices, each id once', async () => {
    await database.writer.write(async (manager) => {
      const rows = Array.from({ length: 9000 }, (_, index) => [`t${index}`, `05${index >> 1}`]);
      for (const some of inPowersOfTwo(rows)) {
        const values = some.map(() => "(?, ?, 'android', 0, 1, NULL)").join(', ');
        await manager.query(
          `INSERT INTO devices (token, session_id, device_type, legacy_groups_only, registered_at, apns_environment) VALUES ${values}`,
          some.flat(),
        );
      }
    });
    expect(await devices.count()).toMatchObject({ byType: { ios: 0, android: 9000 }, sessionIds: 4500 });
    expect(await turnsDuring(() => devices.count())).toBeGreaterThan(6);
  });

  it('counts nothing in an empty registry', async () => {
    expect(await devices.count()).toEqual({ byType: NONE, sessionIds: 0 });
  });

  it('removes only tokens that were not registered again since', async () => {
    await register('dead', '05a');
    await register('alive', '05a');
    const called = [await snapshot('dead'), await snapshot('alive'), { token: storedToken('absent'), registeredAt: 1 }];
    await register('alive', '05a');
    expect(await devices.removeUnchanged(called)).toEqual([called[1]]);
    expect(await find('dead')).toBeNull();
    expect(await find('alive')).not.toBeNull();
  });

  it('remembers the APNs environment that took a token, unless it was registered again', async () => {
    await register('t1', '05a', 'ios');
    const before = await snapshot('t1');
    await devices.rememberApnsEnvironment(before, 'sandbox');
    expect(await find('t1')).toMatchObject({ apnsEnvironment: 'sandbox' });
    await register('t1', '05a', 'ios');
    await devices.rememberApnsEnvironment(before, 'production');
    expect(await find('t1')).toMatchObject({ apnsEnvironment: null });
  });

  it('sums suspects up by provider and reason', async () => {
    for (const token of ['t1', 't2', 't3']) await register(token, '05a');
    await suspect('t1');
    await suspect('t2');
    await suspect('t3', 'fcm', 'INVALID_ARGUMENT');
    await suspect('t1');
    const summary = await suspects.summary();
    expect(summary.toSorted((one, other) => other.count - one.count)).toEqual([
      { provider: 'apns', reason: 'BadDeviceToken', count: 2 },
      { provider: 'fcm', reason: 'INVALID_ARGUMENT', count: 1 },
    ]);
  });

  it('releases suspects and keeps their devices', async () => {
    for (const token of ['t1', 't2', 't3']) await register(token, '05a');
    await suspect('t1');
    await suspect('t2', 'fcm');
    await suspect('t3', 'fcm');
    expect(await suspects.release('fcm')).toBe(2);
    expect(await suspects.summary()).toMatchObject([{ provider: 'apns', count: 1 }]);
    expect(await suspects.release()).toBe(1);
    expect(await devices.count()).toMatchObject({ byType: { android: 3 } });
  });

  it('discards the devices of suspects, of one provider or of all', async () => {
    for (const token of ['t1', 't2', 't3']) await register(token, '05a');
    await suspect('t1');
    await suspect('t2', 'fcm');
    expect(await suspects.discard('fcm')).toBe(1);
    expect(await find('t2')).toBeNull();
    expect(await find('t1')).not.toBeNull();
    expect(await suspects.discard()).toBe(1);
    expect(await devices.count()).toMatchObject({ byType: { android: 1 } });
    expect(await suspects.summary()).toEqual([]);
  });

  it('does not discard a device that was registered again after it was suspected', async () => {
    await register('t1', '05a');
    const old = await snapshot('t1');
    await register('t1', '05a');
    await suspects.remember([{ ...old, provider: 'apns', reason: 'BadDeviceToken' }], Date.now());
    expect(await suspects.discard()).toBe(0);
    expect(await find('t1')).not.toBeNull();
    expect(await suspects.summary()).toEqual([]);
  });

  it('clears a suspicion when the token is registered again', async () => {
    await register('t1', '05a');
    await suspect('t1');
    await register('t1', '05a');
    expect(await suspects.summary()).toEqual([]);
  });

  it('keeps nothing of a token that is unregistered', async () => {
    await register('t1', '05a');
    await suspect('t1');
    await commands.unregister({ token: 't1', iosToken: null });
    expect(await suspects.summary()).toEqual([]);
  });

  it('forgets the suspicion together with a token that is removed', async () => {
    await register('t1', '05a');
    await suspect('t1');
    await devices.removeUnchanged([await snapshot('t1')]);
    expect(await suspects.summary()).toEqual([]);
  });
});
