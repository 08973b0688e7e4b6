import { Redis } from 'ioredis';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startGateways, type TestGateways } from './support/gateways.js';
import { newData, newId, newIosToken } from './support/people.js';
import { findMariaDb, type PrivateMariaDb, startMariaDb } from './support/private-mariadb.js';
import { findRedis, PrivateRedis } from './support/private-redis.js';
import { query } from './support/query.js';
import { TcpSwitch } from './support/tcp-switch.js';
import { openDataSource } from './support/test-data-source.js';
import { TestServer } from './support/test-server.js';

/** Work goes on within this, on a busy machine; without any change it would not at all. */
const SOON_MS = 20_000;
/** A server that says nothing is given up after 8 s. */
const AFTER_SILENCE_MS = 45_000;

/** Tries until it works, and says how it failed when it does not in time. */
async function soon(work: () => Promise<void>, withinMs: number): Promise<void> {
  for (const end = Date.now() + withinMs; ; await sleep(100)) {
    try {
      await work();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

async function isAlive(server: TestServer): Promise<boolean> {
  return (await fetch(`${server.url}/health/live`)).ok;
}

async function isReady(server: TestServer): Promise<void> {
  const { status } = await fetch(`${server.url}/health/ready`);
  if (status !== 200) throw new Error(`/health/ready answers ${status}`);
}

let gateways: TestGateways;
beforeAll(async () => void (gateways = await startGateways()));
afterAll(() => gateways.close());

const pushesFor = (token: string): number => gateways.apns.received.filter((push) => push.token === token).length;

const programs = findMariaDb();

describe.skipIf(programs === null)('a failover of MariaDB', () => {
  let former: PrivateMariaDb;
  let next: PrivateMariaDb;
  let address: TcpSwitch;
  let server: TestServer;
  let database: string;

  const portOf = (mariaDb: PrivateMariaDb): number => Number(new URL(mariaDb.url).port);
  const lockHolder = async (mariaDb: PrivateMariaDb): Promise<unknown> =>
    (await query(mariaDb.url, `SELECT IS_USED_LOCK('session-push:${database}') AS holder`))[0]?.['holder'];

  // Not one of those who may write to a server that is read-only.
  const [user, password] = ['app', randomBytes(16).toString('hex')];
  let made = 0;

  beforeAll(async () => {
    if (!programs) return;
    former = await startMariaDb(programs);
    next = await startMariaDb(programs);
    for (const { url } of [former, next]) {
      await query(url, `CREATE USER '${user}'@'127.0.0.1' IDENTIFIED BY '${password}'`);
      await query(url, `GRANT ALL ON \`push%\`.* TO '${user}'@'127.0.0.1'`);
    }
  }, 120_000);
  afterAll(async () => {
    await former.stop();
    await next.stop();
  });

  beforeEach(async () => {
    database = `push${++made}`;
    for (const { url } of [former, next]) await query(url, `CREATE DATABASE ${database}`);
    // The copy has the tables already.
    await (await openDataSource(`${next.url}/${database}`)).destroy();
    address = await TcpSwitch.open(portOf(former));
    const url = `mysql://${user}:${password}@127.0.0.1:${address.port}/${database}`;
    server = await TestServer.start({ database: url, gateways });
    await registerMany();
  });
  afterEach(async () => {
    await server.close();
    await address.close();
    await query(former.url, 'SET GLOBAL read_only = 0');
  });

  /** So that there are connections to give up. */
  const registerMany = async (): Promise<void> =>
    void (await Promise.all(Array.from({ length: 30 }, () => server.register(newId(), newIosToken()))));

  async function worksAgain(withinMs: number): Promise<void> {
    const [id, token] = [newId(), newIosToken()];
    await soon(() => server.register(id, token), withinMs);
    await soon(() => server.notify(id, newData()), withinMs);
    await soon(() => isReady(server), withinMs);
    await server.idle(withinMs);
    expect(pushesFor(token)).toBe(1);
    // Nothing of the former server is in use any more.
    for (let index = 0; index < 40; index++) await server.register(newId(), newIosToken());
    await soon(async () => expect(await lockHolder(next)).not.toBeNull(), withinMs);
  }

  it('is got over without a restart when the former server is read-only', async () => {
    await query(former.url, 'SET GLOBAL read_only = 1');
    address.leadTo(portOf(next));

    await worksAgain(SOON_MS);
    expect(await isAlive(server)).toBe(true);
    expect(await lockHolder(former)).toBeNull();
  });

  it('fails no request when new connections lead to the new server at once', async () => {
    await query(former.url, 'SET GLOBAL read_only = 1');
    address.leadTo(portOf(next));
    await expect(registerMany()).resolves.toBeUndefined();
  });

  it('is got over without a restart when the former server says nothing any more', async () => {
    former.freeze();
    address.leadTo(portOf(next));
    try {
      await worksAgain(AFTER_SILENCE_MS);
      expect(await isAlive(server)).toBe(true);
    } finally {
      former.thaw();
    }
  });

  it('does not ask a server that stays read-only for new connections by the hundred', async () => {
    await query(former.url, 'SET GLOBAL read_only = 1');
    const made = async (): Promise<number> =>
      Number((await query(former.url, "SHOW GLOBAL STATUS LIKE 'Connections'"))[0]?.['Value']);
    const before = await made();
    const began = Date.now();
    for (let index = 0; index < 50; index++) {
      await expect(server.register(newId(), newIosToken())).rejects.toThrow('try again later');
    }
    const seconds = (Date.now() - began) / 1000;
    expect((await made()) - before).toBeLessThan(60 + seconds * 40);
    await query(former.url, 'SET GLOBAL read_only = 0');
    await soon(() => server.register(newId(), newIosToken()), SOON_MS);
  });
});

const program = findRedis();

describe.skipIf(program === null)('a failover of Redis', () => {
  let former: PrivateRedis;
  let next: PrivateRedis;
  let address: TcpSwitch;
  let server: TestServer;
  let folder: string;

  const portOf = (redis: PrivateRedis): number => Number(new URL(redis.url).port);
  const tell = async (redis: PrivateRedis, ...command: [string, ...string[]]): Promise<unknown> => {
    const client = new Redis(redis.url, { maxRetriesPerRequest: 1 });
    client.on('error', () => undefined);
    try {
      return await client.call(...command);
    } finally {
      client.disconnect();
    }
  };

  beforeEach(async () => {
    if (program === null) return;
    folder = mkdtempSync(join(tmpdir(), 'spns-failover-'));
    [former, next] = await Promise.all([PrivateRedis.open(program), PrivateRedis.open(program)]);
    await tell(next, 'REPLICAOF', '127.0.0.1', String(portOf(former)));
    address = await TcpSwitch.open(portOf(former));
    server = await TestServer.start({
      database: `sqlite:${join(folder, 'push.sqlite')}`,
      gateways,
      env: { REDIS_URL: `redis://127.0.0.1:${address.port}` },
    });
  });
  afterEach(async () => {
    await server.close();
    await address.close();
    await Promise.all([former.remove(), next.remove()]);
    rmSync(folder, { recursive: true, force: true });
  });

  async function pushes(withinMs: number, of = server): Promise<void> {
    const [id, token] = [newId(), newIosToken()];
    await of.register(id, token);
    await soon(() => of.notify(id, newData()), withinMs);
    await soon(async () => {
      if (pushesFor(token) === 0) throw new Error('nothing was pushed');
    }, withinMs);
    await soon(() => isReady(of), withinMs);
  }

  it('is got over without a restart when the former primary is a replica', async () => {
    await pushes(SOON_MS);
    await tell(next, 'REPLICAOF', 'NO', 'ONE');
    await tell(former, 'REPLICAOF', '127.0.0.1', String(portOf(next)));
    address.leadTo(portOf(next));

    await pushes(SOON_MS);
    expect(await isAlive(server)).toBe(true);
    for (let index = 0; index < 20; index++) await server.notify(newId(), newData());
  });

  it('is got over without a restart when the former primary says nothing any more', async () => {
    await pushes(SOON_MS);
    await tell(next, 'REPLICAOF', 'NO', 'ONE');
    former.freeze();
    address.leadTo(portOf(next));
    try {
      await pushes(AFTER_SILENCE_MS);
      expect(await isAlive(server)).toBe(true);
    } finally {
      former.thaw();
    }
  });

  it('that does not come is told once and waited for', async () => {
    await pushes(SOON_MS);
    await tell(former, 'REPLICAOF', '127.0.0.1', String(portOf(next)));
    for (const end = Date.now() + 4000; Date.now() < end; await sleep(50)) {
      await server.notify(newId(), newData()).catch(() => undefined);
    }
    expect(server.log.find('Redis is away')).toHaveLength(1);
    expect(server.log.find('Redis is back')).toEqual([]);

    await tell(former, 'REPLICAOF', 'NO', 'ONE');
    await pushes(SOON_MS);
    await soon(async () => expect(server.log.find('Redis is back')).toHaveLength(1), SOON_MS);
  });

  it('by Sentinel is followed', async () => {
    const sentinel = await PrivateRedis.sentinel(program ?? '', 'push', portOf(former));
    const other = await TestServer.start({
      database: `sqlite:${join(folder, 'other.sqlite')}`,
      gateways,
      env: { REDIS_URL: `redis+sentinel://127.0.0.1:${portOf(sentinel)}/push/3` },
    });
    try {
      await pushes(SOON_MS, other);
      // The sentinel asks replicas for their state every ten seconds, or every second while it is about to choose one.
      await soon(async () => {
        await tell(sentinel, 'SENTINEL', 'FAILOVER', 'push');
      }, SOON_MS);
      await soon(async () => {
        const [, port] = (await tell(sentinel, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'push')) as string[];
        expect(Number(port)).toBe(portOf(next));
      }, SOON_MS);
      await pushes(SOON_MS, other);
    } finally {
      await other.close();
      await sentinel.remove();
    }
  });
});
