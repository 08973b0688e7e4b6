import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type SwarmNetwork, startSwarmNetwork } from '../gateways/swarm/network.js';
import { type HealthReport } from '../src/health/health.service.js';
import { mysqlDatabases, type TestDatabases } from './support/databases.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { OPERATOR_AUTH } from './support/metrics.js';
import { storeSteadily, subscribePhones, untilPushed, untilWatched } from './support/network-phones.js';
import { createRedisDatabase } from './support/redis-databases.js';
import { inFolder, type SpawnedServer, spawnServer } from './support/spawned-server.js';
import { OPERATOR } from './support/test-server.js';

const isPossible = inject('redisUrl') !== null && inject('mysqlUrl') !== null;

/** A phone takes 200 pushes at once and one a second after that. */
const PHONES = 16;
const PAUSE_MS = 400;

async function isWatching({ start }: SpawnedServer): Promise<boolean> {
  const answer = await fetch(`${start.address}/health/ready`, { headers: { authorization: OPERATOR_AUTH } });
  return ((await answer.json()) as HealthReport).network?.status === 'ok';
}

describe.skipIf(!isPossible)('a rolling update of two instances', () => {
  const databases: TestDatabases = mysqlDatabases();
  let gateways: TestGateways;
  let network: SwarmNetwork;
  beforeAll(async () => {
    gateways = await startGateways();
    network = await startSwarmNetwork();
  });
  afterAll(() => Promise.all([gateways.close(), network.close()]));

  it('as docs/operating.md has it, with messages under way: none is missed, none is pushed twice', async () => {
    const env = {
      ...gateways.environment,
      ...network.environment,
      DATABASE_URL: await databases.create(),
      REDIS_URL: await createRedisDatabase(),
      STATISTICS_USERNAME: OPERATOR.username,
      STATISTICS_PASSWORD: OPERATOR.password,
    };
    await inFolder((one) =>
      inFolder(async (other) => {
        const folders = [one, other];
        const servers = [await spawnServer(env, one), await spawnServer(env, other)];
        const onion = servers[0]?.onion;
        if (!onion) throw new Error('no server');
        const phones = await subscribePhones(onion, PHONES);
        await untilWatched(network, phones, 2);
        const stream = storeSteadily(network, phones, PAUSE_MS);
        for (const [place, folder] of folders.entries()) {
          const [it, others] = [servers[place], servers.filter((_, index) => index !== place)];
          // 1. The others watch.
          for (const watching of others) await expect.poll(() => isWatching(watching), { timeout: 60_000 }).toBe(true);
          await sleep(1000);
          // 3. It ends.
          expect((await it?.process.stop('SIGTERM'))?.code).toBe(0);
          await sleep(1000);
          // 4. and 5. It starts again, and watches.
          const next = await spawnServer(env, folder);
          servers[place] = next;
          await next.process.waitForLine('the network is watched', 60_000);
          expect(await isWatching(next)).toBe(true);
        }
        await sleep(1000);
        await stream.end();
        expect(stream.stored.length).toBeGreaterThan(100);
        expect(await untilPushed(gateways, phones, stream.stored)).toEqual({ missed: [], twice: [] });
        await Promise.all(servers.map(({ process }) => process.stop()));
      }),
    );
  }, 300_000);
});
