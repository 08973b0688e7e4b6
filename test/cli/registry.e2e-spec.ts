import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MIGRATIONS } from '../../src/database/database-options.js';
import { Device } from '../../src/devices/device.entity.js';
import { SuspectToken } from '../../src/devices/suspect-token.entity.js';
import { StatisticsPeriod } from '../../src/statistics/statistics-period.entity.js';
import { CALLED, runCommand, runForJson } from '../support/command-line.js';
import { describeOneDatabase } from '../support/databases.js';
import { newAndroidToken, newId, newIosToken } from '../support/people.js';
import { query } from '../support/query.js';
import { inFolder } from '../support/spawned-server.js';
import { openDataSource } from '../support/test-data-source.js';
import { storedId, storedToken } from '../support/stored.js';

const DAY_MS = 86_400_000;

const device = (days: number, changes: Partial<Device> = {}): Device => ({
  token: storedToken(newAndroidToken()),
  sessionId: storedId(newId()),
  deviceType: 'android',
  legacyGroupsOnly: false,
  registeredAt: Date.now() - days * DAY_MS,
  apnsEnvironment: null,
  acceptedAt: null,
  binding: null,
  ...changes,
});

describeOneDatabase('commands on the registry', (databases) => {
  let folder: string;
  let url: string;
  let dataSource: DataSource;
  const options = () => ({ folder, env: { DATABASE_URL: url } });
  const tokens = async () => (await query(url, 'SELECT token FROM devices ORDER BY token')).map((row) => row['token']);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'spns-cli-'));
  });
  beforeEach(async () => {
    url = await databases.create();
    dataSource = await openDataSource(url);
  });
  afterEach(() => dataSource.destroy());
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('counts devices per type and ids once', async () => {
    const twice = storedId(newId());
    await dataSource.manager.insert(Device, [
      device(0, { sessionId: twice }),
      device(0, { sessionId: twice, deviceType: 'ios', token: storedToken(newIosToken()) }),
      device(0, { deviceType: 'huawei' }),
    ]);
    expect(await runForJson(['devices', 'count'], options())).toEqual({
      ios: 1,
      android: 1,
      huawei: 1,
      unknown: 0,
      sessionIds: 2,
    });
    const { stdout } = await runCommand(['devices', 'count'], options());
    expect(stdout).toMatch(/^Session ids +2$/m);
    expect(stdout).not.toContain(twice);
  });

  it('prunes what was not seen for so long, and its suspicion, and nothing else', async () => {
    const kept = device(29);
    const old = Array.from({ length: 1100 }, () => device(31));
    await dataSource.manager.insert(Device, kept);
    for (let start = 0; start < old.length; start += 100) {
      await dataSource.manager.insert(Device, old.slice(start, start + 100));
    }
    const suspicion = { token: old[7]?.token ?? '', provider: 'fcm', reason: 'X', registeredAt: 1, suspectedAt: 1 };
    await dataSource.manager.insert(SuspectToken, suspicion);
    const prune = ['devices', 'prune', '--unseen-days', '30'];

    expect(await runForJson([...prune, '--dry-run'], options())).toEqual({
      unseenDays: 30,
      dryRun: true,
      unseen: 1100,
      removed: 0,
    });
    expect(await tokens()).toHaveLength(1101);

    expect(await runForJson(prune, options())).toMatchObject({ dryRun: false, removed: 1100 });
    expect(await tokens()).toEqual([kept.token]);
    expect(await dataSource.manager.count(SuspectToken)).toBe(0);
  });

  it('shows suspects as counts, and releases those of one provider', async () => {
    await rememberSuspects(dataSource);
    const summary = await runForJson(['suspects', 'list'], options());
    expect(summary).toHaveLength(2);
    expect(summary).toEqual(
      expect.arrayContaining([
        { provider: 'fcm', reason: 'UNREGISTERED', count: 2 },
        { provider: 'apns', reason: 'Unregistered', count: 1 },
      ]),
    );
    expect(await runForJson(['suspects', 'list', '--provider', 'apns'], options())).toHaveLength(1);
    expect(await runForJson(['suspects', 'release', '--provider', 'fcm'], options())).toEqual({ released: 2 });
    expect(await tokens()).toHaveLength(3);
    expect(await dataSource.manager.count(SuspectToken)).toBe(1);
  });

  it('discards suspects with their devices, except those that registered again', async () => {
    const [again] = await rememberSuspects(dataSource);
    await dataSource.manager.update(Device, { token: again?.token }, { registeredAt: Date.now() });
    expect(await runForJson(['suspects', 'discard'], options())).toEqual({ removed: 2 });
    expect(await tokens()).toEqual([again?.token]);
    expect(await runCommand(['suspects', 'list'], options())).toMatchObject({ stdout: 'There are no suspects.\n' });
  });

  it('shows the periods between two times and writes none', async () => {
    const start = Date.UTC(2026, 0, 1);
    for (const day of [0, 1, 2]) {
      await dataSource.manager.insert(StatisticsPeriod, {
        startDate: start + day * DAY_MS,
        endDate: start + (day + 1) * DAY_MS - 1000,
        iosPushes: 1,
        androidPushes: 2,
        huaweiPushes: 1,
        totalMessages: 1234 + day,
        closedGroupMessages: 4,
        untrackedMessages: 5,
        oneToOneMessages: 6,
      });
    }
    const between = ['stats', '--from', '2026-01-02', '--to', '2026-01-02 23:59:59'];
    expect(await runForJson(between, options())).toEqual({
      devices: { ios: 0, android: 0, huawei: 0, unknown: 0 },
      sessionIds: 0,
      periods: [
        {
          start_date: '2026-01-02 00:00:00',
          end_date: '2026-01-02 23:59:59',
          ios_pn_number: 1,
          android_pn_number: 2,
          total_message_number: 1235,
          closed_group_message_number: 4,
          untracked_message_number: 5,
          deduplicated_1_1_message_number: 6,
        },
      ],
    });
    const { stdout } = await runCommand(['stats'], options());
    expect(stdout.match(/^2026-/gm)).toHaveLength(3);
    expect(stdout).toContain('1,236');
    expect(await dataSource.manager.count(StatisticsPeriod)).toBe(3);
  });

  it('keeps its hands off a database of a newer version', async () => {
    await dataSource.query(`INSERT INTO migrations (timestamp, name) VALUES (9, 'FromTheFuture9')`);
    for (const command of [['devices', 'prune', '--unseen-days', '1'], ['migrate'], ['migrate', '--dry-run']]) {
      const { code, stderr } = await runCommand(command, options());
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringMatching(/newer version.*FromTheFuture9.*backup/),
      });
    }
    const { code, stdout } = await runCommand(['check', '--json'], options());
    const { checks } = JSON.parse(stdout) as { checks: { name: string; status: string; detail: string }[] };
    expect({ code, database: checks.find(({ name }) => name === 'database') }).toEqual({
      code: 1,
      database: { name: 'database', status: 'failed', detail: expect.stringMatching(/newer version.*FromTheFuture9/) },
    });
  });
});

describeOneDatabase('migrate', (databases) => {
  it('tells what is pending, does it, and is done', async () => {
    await inFolder(async (folder) => {
      const options = { folder, env: { DATABASE_URL: await databases.create() } };
      const dryRun = await runCommand(['migrate', '--dry-run'], options);
      expect(dryRun.stdout).toMatch(/^pending Initial/);
      if (databases.kind === 'sqlite') expect(existsSync(options.env.DATABASE_URL.slice(7))).toBe(false);
      const early = await runCommand(['devices', 'count'], options);
      expect({ code: early.code, hint: early.stderr.includes(`${CALLED} migrate`) }).toEqual({
        code: 1,
        hint: true,
      });

      const done = await runCommand(['migrate'], options);
      expect(done.stdout).toBe(dryRun.stdout.replaceAll('pending', 'done'));
      expect((await runCommand(['migrate'], options)).stdout).toBe('The schema is up to date.\n');
      expect(await runForJson(['devices', 'count'], options)).toMatchObject({ sessionIds: 0 });
    });
  });

  it('tells programs what is pending and what it did', async () => {
    await inFolder(async (folder) => {
      const options = { folder, env: { DATABASE_URL: await databases.create() } };
      const migrations = MIGRATIONS.map(({ name }) => name);
      expect(await runForJson(['migrate', '--dry-run'], options)).toEqual({ dryRun: true, migrations, sealing: false });
      const sealing = { folder, env: { ...options.env, DATA_KEY_FILE: 'data.key' } };
      expect(await runForJson(['migrate'], sealing)).toEqual({ dryRun: false, migrations, sealing: true });
      expect(await runForJson(['migrate'], sealing)).toEqual({ dryRun: false, migrations: [], sealing: false });
    });
  });

  it('may be started several times at once', async () => {
    await inFolder(async (folder) => {
      const options = { folder, env: { DATABASE_URL: await databases.create() } };
      const runs = await Promise.all(Array.from({ length: 4 }, () => runCommand(['migrate'], options)));
      expect(runs.map(({ code, stderr }) => ({ code, stderr }))).toEqual(runs.map(() => ({ code: 0, stderr: '' })));
      const done = MIGRATIONS.map(({ name }) => `done ${name}\n`).join('');
      expect(runs.filter(({ stdout }) => stdout === done)).toHaveLength(1);
    });
  });

  it('does not change the schema under a server that is at work', async () => {
    const { spawnServer } = await import('../support/spawned-server.js');
    await inFolder(async (folder) => {
      const env = { DATABASE_URL: await databases.create() };
      const { process } = await spawnServer(env, folder);
      await query(env.DATABASE_URL, `DELETE FROM migrations WHERE name = '${MIGRATIONS.at(-1)?.name}'`);
      const { code, stderr } = await runCommand(['migrate'], { folder, env });
      expect([code, stderr]).toEqual([1, expect.stringContaining('Another server uses this database. Stop it first')]);
      await process.stop();
      expect((await runCommand(['migrate'], { folder, env })).code).toBe(0);
    });
  });
});

describe('a command beside a running server', () => {
  it('needs no lock', async () => {
    const { spawnServer } = await import('../support/spawned-server.js');
    await inFolder(async (folder) => {
      const { process, onion } = await spawnServer({}, folder);
      await onion.send('register', { token: newIosToken(), pubKey: newId() });
      expect(await runForJson(['devices', 'count'], { folder })).toMatchObject({ ios: 1, sessionIds: 1 });
      await process.stop();
    });
  });
});

async function rememberSuspects(dataSource: DataSource): Promise<Device[]> {
  const devices = [device(1), device(1), device(1, { deviceType: 'ios', token: storedToken(newIosToken()) })];
  await dataSource.manager.insert(Device, devices);
  await dataSource.manager.insert(
    SuspectToken,
    devices.map(({ token, registeredAt, deviceType }) => ({
      token,
      registeredAt,
      suspectedAt: Date.now(),
      provider: deviceType === 'ios' ? 'apns' : 'fcm',
      reason: deviceType === 'ios' ? 'Unregistered' : 'UNREGISTERED',
    })),
  );
  return devices;
}
