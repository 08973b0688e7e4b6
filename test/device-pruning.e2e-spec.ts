import { MetricsService } from '../src/metrics/metrics.service.js';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { parseConfig } from '../src/config/app-config.js';
import { dutiesOf } from '../src/config/duties.js';
import { DatabaseWriter } from '../src/database/database-writer.js';
import { inPowersOfTwo } from '../src/database/statement-sizes.js';
import { DevicePruningScheduler } from '../src/devices/device-pruning.scheduler.js';
import { DevicePruningService } from '../src/devices/device-pruning.service.js';
import { Device } from '../src/devices/device.entity.js';
import { SuspectToken } from '../src/devices/suspect-token.entity.js';
import { describeEachDatabase } from './support/databases.js';
import { turnsDuring } from './support/event-loop.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { newAndroidToken, newId } from './support/people.js';
import { TestServer } from './support/test-server.js';
import { storedToken } from './support/stored.js';

const DAY_MS = 86_400_000;
const DEVICE_UNSEEN_DAYS = '365';

describeEachDatabase('devices that are not seen for long', (databases) => {
  let gateways: TestGateways;
  let server: TestServer;
  beforeAll(async () => {
    gateways = await startGateways();
  });
  beforeEach(async () => {
    server = await TestServer.start({ database: await databases.create(), gateways, env: { DEVICE_UNSEEN_DAYS } });
  });
  afterEach(async () => {
    vi.useRealTimers();
    await server.close();
  });
  afterAll(() => gateways.close());

  /** A device whose latest registration was so many days ago. */
  async function deviceOf(days: number): Promise<string> {
    const token = newAndroidToken();
    await server.register(newId(), token);
    const registeredAt = Date.now() - days * DAY_MS;
    await server.dataSource.getRepository(Device).update({ token: storedToken(token) }, { registeredAt });
    return token;
  }

  const insert = (name: string, count: number, registeredAt: number) =>
    new DatabaseWriter(server.dataSource, new MetricsService()).write(async (manager) => {
      const rows = Array.from({ length: count }, (_, index) => [`${name}-${index}`, newId(), registeredAt]);
      for (const some of inPowersOfTwo(rows)) {
        const values = some.map(() => "(?, ?, 'android', 0, ?, NULL)").join(', ');
        await manager.query(
          `INSERT INTO devices (token, session_id, device_type, legacy_groups_only, registered_at, apns_environment) VALUES ${values}`,
          some.flat(),
        );
      }
    });
  const devicesOf = (days: number, count: number) => Promise.all(Array.from({ length: count }, () => deviceOf(days)));
  const dailyRun = () => server.app.get(DevicePruningScheduler).run();
  const stored = async () => (await server.dataSource.getRepository(Device).find()).map(({ token }) => token);
  const told = () => server.log.lines.filter((line) => line.includes('not seen for long'));

  it('of unknown type go after a day, and no others', async () => {
    const [old, fresh, other] = [newAndroidToken(), newAndroidToken(), await deviceOf(2)];
    for (const token of [old, fresh]) await server.register(newId(), token, 'unknown');
    await server.dataSource
      .getRepository(Device)
      .update({ token: storedToken(old) }, { registeredAt: Date.now() - 2 * DAY_MS });
    await server.app.get(DevicePruningScheduler).forgetUnreachable();
    expect((await stored()).toSorted()).toEqual([fresh, other].toSorted());
  });

  it('are told at the first daily run, and gone after the second', async () => {
    const [unseen, suspect] = await devicesOf(366, 2);
    const seen = [...(await devicesOf(364, 2)), await deviceOf(0)];
    const suspicion = { token: suspect, provider: 'fcm', reason: 'UNREGISTERED', registeredAt: 1, suspectedAt: 1 };
    await server.dataSource.getRepository(SuspectToken).insert(suspicion);

    await dailyRun();
    expect(await stored()).toHaveLength(5);
    expect(told()).toEqual([expect.stringMatching(/the next daily run removes them.* count: 2, of: 5/)]);

    await dailyRun();
    expect((await stored()).toSorted()).toEqual(seen.toSorted());
    expect(await server.dataSource.getRepository(SuspectToken).count()).toBe(0);
    expect(told()[1]).toMatch(/removed devices.* count: 2/);
    for (const token of [unseen, suspect]) expect(server.log.lines.join('\n')).not.toContain(token);
  });

  it('stay when they register again in between', async () => {
    const [token] = await devicesOf(400, 1);
    await devicesOf(1, 2);
    await dailyRun();
    await server.register(newId(), String(token));
    await dailyRun();
    expect(await stored()).toContain(token);
  });

  it('stay when there are more of them than can be true', async () => {
    await devicesOf(400, 3);
    await devicesOf(1, 2);
    await dailyRun();
    await dailyRun();
    expect(await stored()).toHaveLength(5);
    expect(told()).toEqual(Array.from({ length: 2 }, () => expect.stringContaining('none is removed') as string));
  });

  it('go in pages, however many there are', async () => {
    await insert('old', 650, 1);
    await insert('new', 650, Date.now());
    await dailyRun();
    await dailyRun();
    expect((await stored()).filter((token) => token.startsWith('old'))).toEqual([]);
    expect(await stored()).toHaveLength(650);
  });

  it('leave the event loop its turns while they are looked for', async () => {
    await insert('new', 9000, Date.now());
    const pruning = server.app.get(DevicePruningService);
    expect(await turnsDuring(() => pruning.countUnseenSince(1))).toBeGreaterThan(3);
    expect(await turnsDuring(() => pruning.removeUnseenSince(1))).toBeGreaterThan(3);
  });

  it('are told anew when the clock jumps after they were told', async () => {
    await devicesOf(366, 2);
    await devicesOf(300, 2);
    await devicesOf(0, 4);
    await dailyRun();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 90 * DAY_MS });
    await dailyRun();
    expect(await stored()).toHaveLength(8);
    expect(told()[1]).toMatch(/the next daily run removes them.* count: 4, of: 8/);
    await dailyRun();
    expect(await stored()).toHaveLength(4);
  });

  it('are told anew when clearly more would go than was told, or than went the day before', async () => {
    await insert('new', 100, Date.now());
    await insert('old', 1, 1);
    await dailyRun();
    await insert('older', 30, 1);
    await dailyRun();
    expect(await stored()).toHaveLength(131);
    expect(told()[1]).toMatch(/the next daily run removes them.* count: 31, of: 131/);
    await insert('oldest', 30, 1);
    await dailyRun();
    expect(await stored()).toHaveLength(100);
    await insert('one more', 1, 1);
    await dailyRun();
    expect(await stored()).toHaveLength(100);
    await insert('and many more', 30, 1);
    await dailyRun();
    expect(await stored()).toHaveLength(130);
    expect(told()).toHaveLength(5);
  });

  it('go day after day without being told each time', async () => {
    await insert('new', 5, Date.now());
    const start = Date.now();
    for (let day = 0; day < 5; day++) {
      vi.useFakeTimers({ toFake: ['Date'], now: start + day * DAY_MS });
      await insert(`old on day ${day}`, 1, 1);
      await dailyRun();
    }
    expect(await stored()).toHaveLength(5);
    expect(told().filter((line) => line.includes('the next daily run removes them'))).toHaveLength(1);
  });

  it('stay without the variable, and are left to the leading process', async () => {
    await devicesOf(400, 1);
    await devicesOf(1, 2);
    const pruning = server.app.get(DevicePruningService);
    const [unset, set] = [parseConfig({}), parseConfig({ DEVICE_UNSEEN_DAYS })];
    const idle = [
      new DevicePruningScheduler(unset, dutiesOf(unset), pruning),
      new DevicePruningScheduler(set, dutiesOf(set, 'follower'), pruning),
    ];
    for (const scheduler of [...idle, ...idle]) await scheduler.run();
    expect(await stored()).toHaveLength(3);
    expect(told()).toEqual([]);
  });
});
