import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { createConnection } from 'mysql2/promise';
import { mysqlDatabases, type TestDatabases } from './support/databases.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { LoadBalancer, repeat, spawnInstance } from './support/instances.js';
import { OnionHttpClient } from './support/onion-http.js';
import { newAndroidToken, newData, newId, newIosToken } from './support/people.js';
import { createRedisDatabase } from './support/redis-databases.js';
import { inFolder, ServerProcess, type SpawnedServer } from './support/spawned-server.js';

const isPossible = inject('redisUrl') !== null && inject('mysqlUrl') !== null;
const SUCCESS = { status: 200, body: { code: 1, message: 'Success' } };

type Running = Omit<SpawnedServer, 'onion'>;

describe.skipIf(!isPossible)('several instances on one database and one Redis', () => {
  const databases: TestDatabases = mysqlDatabases();
  let gateways: TestGateways;
  let env: Record<string, string>;

  beforeAll(async () => void (gateways = await startGateways()));
  afterAll(() => gateways.close());
  beforeEach(async () => {
    await gateways.reset();
    env = {
      ...gateways.environment,
      DATABASE_URL: await databases.create(),
      REDIS_URL: await createRedisDatabase(),
      STATISTICS_USERNAME: 'operator',
      STATISTICS_PASSWORD: 'a long password',
    };
  });

  const query = async <T>(sql: string): Promise<T[]> => {
    const connection = await createConnection(env['DATABASE_URL'] ?? '');
    const [rows] = await connection.query(sql);
    await connection.end();
    return rows as T[];
  };
  const start = (role: 'api' | 'worker', folder: string): Promise<Running> =>
    spawnInstance({ ...env, ROLE: role }, folder);
  const clientOf = ({ start: { address, publicKey } }: Running) => new OnionHttpClient(address, publicKey);
  const received = () => [...gateways.apns.received, ...gateways.fcm.received].map(({ token }) => token);
  const untilReceived = async (count: number, timeoutMs = 20_000) => {
    for (const end = Date.now() + timeoutMs; received().length < count && Date.now() < end; await sleep(50));
    // What comes twice comes soon.
    await sleep(300);
    return received();
  };
  const total = async () => {
    const [row] = await query<Record<string, string>>(
      `SELECT COUNT(*) AS periods, SUM(total_message_number) AS total, SUM(ios_pn_number) AS ios,
              SUM(android_pn_number) AS android, SUM(deduplicated_1_1_message_number) AS direct,
              SUM(untracked_message_number) AS untracked FROM statistics`,
    );
    return Object.fromEntries(Object.entries(row ?? {}).map(([name, value]) => [name, Number(value)]));
  };

  it('migrate once, see each other’s registrations at once, send each notification once, and count exactly', async () => {
    await inFolder(async (folder) => {
      // All at the same time, on an empty database.
      const [a, b, c, d] = await Promise.all([
        start('api', folder),
        start('api', folder),
        start('worker', folder),
        start('worker', folder),
      ]);
      expect(await query('SELECT name FROM migrations')).toHaveLength(
        new Set((await query<{ name: string }>('SELECT name FROM migrations')).map(({ name }) => name)).size,
      );

      const [first, second] = [clientOf(a), clientOf(b)];
      const people = Array.from({ length: 20 }, () => ({
        id: newId(),
        ios: newIosToken(),
        android: newAndroidToken(),
      }));
      for (const { id, ios, android } of people) {
        expect(await first.send('register', { pubKey: id, token: ios })).toEqual(SUCCESS);
        expect(await second.send('register', { pubKey: id, token: android })).toEqual(SUCCESS);
        // The instance that did not take the registration takes the notification.
        expect(await second.send('notify', { send_to: id, data: newData() })).toEqual(SUCCESS);
      }
      // The same request at both, as when an answer got lost.
      const again = { send_to: people[0]?.id ?? '', data: newData() };
      const answers = await Promise.all([first, second, first, second].map((client) => client.send('notify', again)));
      expect(answers).toEqual([SUCCESS, SUCCESS, SUCCESS, SUCCESS]);
      expect(await second.send('notify', { send_to: newId(), data: newData() })).toEqual(SUCCESS);

      const expected = people.flatMap(({ ios, android }) => [ios, android]);
      expected.push(people[0]?.ios ?? '', people[0]?.android ?? '');
      expect((await untilReceived(expected.length)).toSorted()).toEqual(expected.toSorted());

      const exits = await Promise.all([a, b, c, d].map((one) => one.process.stop()));
      expect(exits.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
      expect(await total()).toEqual({ periods: 1, total: 22, ios: 21, android: 21, direct: 21, untracked: 1 });
    });
  });

  it('answer 404 to onion requests when they only deliver, and open no connection to a provider when they only accept', async () => {
    await inFolder(async (folder) => {
      const api = await start('api', folder);
      const worker = await start('worker', folder);
      expect(worker.start.publicKey).toBeUndefined();
      const answer = await fetch(`${worker.start.address}/oxen/v4/lsrpc`, { method: 'POST', body: 'x' });
      expect(answer.status).toBe(404);
      expect((await fetch(`${worker.start.address}/health/live`)).status).toBe(200);

      await worker.process.stop();
      const [id, token] = [newId(), newIosToken()];
      await clientOf(api).send('register', { pubKey: id, token });
      await clientOf(api).send('notify', { send_to: id, data: newData() });
      await sleep(1500);
      expect(gateways.apns.received).toHaveLength(0);
      const next = await start('worker', folder);
      expect(await untilReceived(1)).toEqual([token]);
      await Promise.all([api.process.stop(), next.process.stop()]);
    });
  });

  it('lose nothing and answer everything while they are restarted one after the other', async () => {
    await inFolder(async (folder) => {
      const apis = [await start('api', folder), await start('api', folder)];
      const workers = [await start('worker', folder), await start('worker', folder)];
      const inRotation = new Set(apis);
      const balancer = new LoadBalancer(() => [...inRotation].map(clientOf));
      // A phone gets so many pushes whole in a row: the load is for many.
      const people = Array.from({ length: 100 }, () => ({ id: newId(), token: newIosToken() }));
      for (const { id, token } of people) await balancer.send('register', { pubKey: id, token });

      let acknowledged = 0;
      const load = repeat(10, async () => {
        const { id } = people[Math.floor(Math.random() * people.length)] ?? { id: '' };
        const answer = await balancer.send('notify', { send_to: id, data: newData() });
        expect(answer).toEqual(SUCCESS);
        acknowledged++;
        await sleep(50);
      });
      // As an operator does it: out of the proxy, stop, start, back into the proxy.
      const restart = async (one: Running, role: 'api' | 'worker'): Promise<Running> => {
        const wasAsked = inRotation.delete(one);
        await sleep(100);
        expect((await one.process.stop()).code).toBe(0);
        const next = await start(role, folder);
        if (wasAsked) inRotation.add(next);
        return next;
      };
      for (let round = 0; round < 2; round++) {
        for (const [index, one] of [...apis].entries()) apis[index] = await restart(one, 'api');
        for (const [index, one] of [...workers].entries()) workers[index] = await restart(one, 'worker');
      }
      await load.end();
      expect(acknowledged).toBeGreaterThan(100);
      expect(await untilReceived(acknowledged, 30_000)).toHaveLength(acknowledged);
      await Promise.all([...apis, ...workers].map((one) => one.process.stop()));
      expect(await total()).toMatchObject({ total: acknowledged, ios: acknowledged, direct: acknowledged });
    });
  }, 120_000);

  it('take over what a killed worker had, with nothing lost', async () => {
    await inFolder(async (folder) => {
      const api = await start('api', folder);
      const doomed = await start('worker', folder);
      const [id, token] = [newId(), newIosToken()];
      const client = clientOf(api);
      await client.send('register', { pubKey: id, token });
      gateways.apns.faults.all({ kind: 'stall' });
      for (let index = 0; index < 20; index++) await client.send('notify', { send_to: id, data: newData() });
      await sleep(1000);
      await doomed.process.stop('SIGKILL');
      await gateways.reset();
      const heir = await start('worker', folder);
      expect((await untilReceived(20, 40_000)).length).toBe(20);
      await Promise.all([api.process.stop(), heir.process.stop()]);
    });
  }, 90_000);

  it('are refused without Redis, with what to set', async () => {
    await inFolder(async (folder) => {
      const { REDIS_URL: _, ...alone } = env;
      const first = await spawnInstance(alone, folder);
      const { code, stdout } = await new ServerProcess(alone, folder).exit;
      expect(code).toBe(1);
      expect(stdout).toMatch(/Another server uses this database.*REDIS_URL/);
      expect((await first.process.stop()).code).toBe(0);
    });
  });
});
