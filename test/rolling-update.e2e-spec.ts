import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type SwarmNetwork, startSwarmNetwork } from '../gateways/swarm/network.js';
import { type HealthReport } from '../src/health/health.service.js';
import { mysqlDatabases, type TestDatabases } from './support/databases.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { OPERATOR_AUTH } from './support/metrics.js';
import { LoadBalancer } from './support/instances.js';
import { type NetworkPhone, phoneWith, storeSteadily, untilPushed, untilWatched } from './support/network-phones.js';
import { createRedisDatabase } from './support/redis-databases.js';
import { inFolder, type SpawnedServer, spawnServer } from './support/spawned-server.js';
import { subscribeRequest } from './support/subscribing-phone.js';
import { OPERATOR } from './support/test-server.js';

const isPossible = inject('redisUrl') !== null && inject('mysqlUrl') !== null;

/** A phone takes 200 pushes at once and one a second after that. */
const PHONES = 16;
/** They subscribe while an instance is away, at the others. */
const PHONES_MEANWHILE = 4;
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
        const inProxy = new Set(servers);
        const proxy = new LoadBalancer(() => [...inProxy].map(({ onion }) => onion));
        const phones: NetworkPhone[] = [];
        const streams: ReturnType<typeof storeSteadily>[] = [];
        /** Phones that subscribe through the proxy, and get messages as soon as so many instances watch for them. */
        const subscribe = async (count: number, instances: number): Promise<void> => {
          const some = Array.from({ length: count }, () => phoneWith(() => true));
          for (const { account, ...wishes } of some) {
            const { body } = await proxy.send('/subscribe', subscribeRequest(account, wishes));
            expect(body).toMatchObject({ success: true, added: true });
          }
          await untilWatched(network, some, instances);
          // The one that ends may have asked last of all, and the others have a second for it.
          await sleep(1000);
          phones.push(...some);
          streams.push(storeSteadily(network, some, PAUSE_MS));
        };
        await subscribe(PHONES, 2);
        for (const [place, folder] of folders.entries()) {
          const [it, others] = [servers[place], servers.filter((_, index) => index !== place)];
          if (!it) throw new Error('no server');
          // 1. The others watch.
          for (const watching of others) await expect.poll(() => isWatching(watching), { timeout: 60_000 }).toBe(true);
          // 2. It is asked nothing more.
          inProxy.delete(it);
          await sleep(1000);
          // 3. It ends.
          const ending = it.process.stop('SIGTERM');
          await subscribe(PHONES_MEANWHILE, 1);
          expect((await ending).code).toBe(0);
          await sleep(1000);
          // 4. and 5. It starts again, and watches.
          const starting = spawnServer(env, folder);
          await subscribe(PHONES_MEANWHILE, 1);
          const next = await starting;
          servers[place] = next;
          await next.process.waitForLine('the network is watched', 60_000);
          expect(await isWatching(next)).toBe(true);
          // 6. It is asked again.
          inProxy.add(next);
          await subscribe(PHONES_MEANWHILE, 2);
        }
        await sleep(1000);
        for (const stream of streams) await stream.end();
        const stored = streams.flatMap((stream) => stream.stored);
        expect(stored.length).toBeGreaterThan(100);
        expect(await untilPushed(gateways, phones, stored)).toEqual({ missed: [], twice: [] });
        await Promise.all(servers.map(({ process }) => process.stop()));
      }),
    );
  }, 300_000);
});
