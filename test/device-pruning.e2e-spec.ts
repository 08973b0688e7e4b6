import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { parseConfig } from '../src/config/app-config.js';
import { dutiesOf } from '../src/config/duties.js';
import { DevicePruningScheduler } from '../src/devices/device-pruning.scheduler.js';
import { DevicePruningService } from '../src/devices/device-pruning.service.js';
import { Device } from '../src/devices/device.entity.js';
import { SuspectToken } from '../src/devices/suspect-token.entity.js';
import { describeEachDatabase } from './support/databases.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { newAndroidToken, newId } from './support/people.js';
import { TestServer } from './support/test-server.js';

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
  afterEach(() => server.close());
  afterAll(() => gateways.close());

  /** A device whose latest registration was so many days ago. */
  async function deviceOf(days: number): Promise<string> {
    const token = newAndroidToken();
    await server.register(newId(), token);
    const registeredAt = Date.now() - days * DAY_MS;
    await server.dataSource.getRepository(Device).update({ token }, { registeredAt });
    return token;
  }

  const devicesOf = (days: number, count: number) => Promise.all(Array.from({ length: count }, () => deviceOf(days)));
  const dailyRun = () => server.app.get(DevicePruningScheduler).run();
  const stored = async () => (await server.dataSource.getRepository(Device).find()).map(({ token }) => token);
  const told = () => server.log.lines.filter((line) => line.includes('not seen for long'));

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
    const rows = Array.from({ length: 1300 }, (_, index) => ({
      token: `${index % 2 === 0 ? 'old' : 'new'}-${index}`,
      sessionId: newId(),
      deviceType: 'android' as const,
      legacyGroupsOnly: false,
      registeredAt: index % 2 === 0 ? 1 : Date.now(),
      apnsEnvironment: null,
    }));
    await server.dataSource.getRepository(Device).save(rows, { chunk: 100 });
    await dailyRun();
    await dailyRun();
    expect((await stored()).filter((token) => token.startsWith('old'))).toEqual([]);
    expect(await stored()).toHaveLength(650);
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
