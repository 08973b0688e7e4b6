import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { NotificationQueue } from '../../src/delivery/queue/notification-queue.js';
import { type Batch, toSingleJobs } from '../../src/delivery/queue/redis/queue-jobs.js';
import { MAX_DEATHS } from '../../src/delivery/queue/set-aside.js';
import { KEY_PREFIX } from '../../src/redis/redis-client.js';
import { runCommand, runForJson } from '../support/command-line.js';
import { describeOneDatabase, mysqlDatabases, type TestDatabases } from '../support/databases.js';
import { startGateways, type TestGateways } from '../support/gateways.js';
import { newAndroidToken, newData, newId } from '../support/people.js';
import { query } from '../support/query.js';
import { createRedisDatabase } from '../support/redis-databases.js';
import { TestServer } from '../support/test-server.js';

/** @param setAside makes that the server's waiting notifications are what processes died of: one that waits for FCM */
function suite(
  databases: TestDatabases,
  redisUrl: () => Promise<string | null>,
  setAside: (server: TestServer, redis: string | null) => Promise<void>,
): void {
  let folder: string;
  let gateways: TestGateways;
  let server: TestServer;
  let env: Record<string, string>;
  let [token, data] = ['', ''];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'spns-aside-'));
    gateways = await startGateways();
    const redis = await redisUrl();
    const database = await databases.create();
    env = { DATABASE_URL: database, ...(redis === null ? {} : { REDIS_URL: redis }) };
    server = await TestServer.start({ database, gateways, env: redis === null ? {} : { REDIS_URL: redis } });
    [token, data] = [newAndroidToken(), newData()];
    const id = newId();
    await server.register(id, token);
    await gateways.fcm.stopListening();
    await server.notify(id, data);
    const waits = async (): Promise<boolean> =>
      (await server.app.get(NotificationQueue).depth()).some(({ lane, count }) => lane === 'fcm' && count === 1);
    await vi.waitUntil(waits, { timeout: 10_000 });
    await server.app.close();
    await setAside(server, redis);
  });
  afterEach(async () => {
    await server.close();
    await gateways.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const options = () => ({ folder, env });

  it('are listed by lane, without anything about people, and stay', async () => {
    const { stdout } = await runCommand(['aside', 'list'], options());
    expect(stdout).toMatch(/lane +notifications +oldest accepted at\nfcm +1 +20\d\d-/);
    expect(stdout).not.toContain(token);
    expect(await runForJson(['aside', 'list'], options())).toMatchObject([{ lane: 'fcm', count: 1 }]);
  });

  it('are delivered once they are released, by a server that runs', async () => {
    await gateways.fcm.listenAgain();
    await server.open();
    await sleep(300);
    expect(gateways.fcm.received).toEqual([]);
    expect(await runForJson(['aside', 'release'], options())).toEqual({ released: 1 });
    expect((await gateways.fcm.waitForPush(1))[0]?.token).toBe(token);
    await server.idle();
    expect(await runForJson(['aside', 'list'], options())).toEqual([]);
    expect((await runCommand(['aside', 'list'], options())).stdout).toBe('Nothing is set aside.\n');
  });

  it('are gone once they are dropped', async () => {
    expect((await runCommand(['aside', 'drop'], options())).stdout).toBe(
      'Dropped 1 notifications; they are not delivered.\n',
    );
    await gateways.fcm.listenAgain();
    await server.open();
    await server.idle();
    expect(gateways.fcm.received).toEqual([]);
  });
}

describeOneDatabase('notifications that were set aside', (databases) => {
  suite(
    databases,
    async () => null,
    async ({ database }) => {
      await query(database, "UPDATE queued_notifications SET lane = 'aside', deaths = 3 WHERE lane = 'fcm'");
    },
  );

  it('are not those that are to be tried alone', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'spns-aside-'));
    const options = { folder, env: { DATABASE_URL: await databases.create() } };
    await runCommand(['migrate'], options);
    await query(
      options.env.DATABASE_URL,
      `INSERT INTO queued_notifications (id, notification_id, lane, leased, available_at, accepted_at, expires_at, attempts,
                                         recipient, deaths)
         VALUES ('a', 'a', 'aside', 0, 0, 0, 0, 0, 'b', 2)`,
    );
    expect(await runForJson(['aside', 'list'], options)).toEqual([]);
    expect(await runForJson(['aside', 'release'], options)).toEqual({ released: 0 });
    expect(await runForJson(['aside', 'drop'], options)).toEqual({ dropped: 0 });
    expect(await query(options.env.DATABASE_URL, 'SELECT lane, deaths FROM queued_notifications')).toEqual([
      { lane: 'aside', deaths: 2 },
    ]);
    rmSync(folder, { recursive: true });
  });
});

/** As a process does with what three died with. */
async function setAsideOnRedis(url: string): Promise<void> {
  const connection = new Redis(url, { maxRetriesPerRequest: null });
  const [fcm, aside] = ['fcm', 'aside'].map((lane) => new Queue<Batch>(lane, { connection, prefix: KEY_PREFIX }));
  for (const job of (await fcm?.getJobs(['waiting', 'prioritized', 'delayed'])) ?? []) {
    await aside?.addBulk(toSingleJobs(job.data, MAX_DEATHS, Date.now()));
    await job.remove();
  }
  await Promise.all([fcm?.close(), aside?.close()]);
  connection.disconnect();
}

describe.skipIf(inject('mysqlUrl') === null || inject('redisUrl') === null)(
  'notifications that were set aside (MariaDB and Redis)',
  () => {
    suite(mysqlDatabases(), createRedisDatabase, (_server, redis) => setAsideOnRedis(redis ?? ''));
  },
);
