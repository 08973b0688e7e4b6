import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { type SwarmNetwork, startSwarmNetwork } from '../gateways/swarm/network.js';
import { mysqlDatabases, type TestDatabases } from './support/databases.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { spawnInstance } from './support/instances.js';
import { storeSteadily, subscribePhones, untilPushed, untilWatched } from './support/network-phones.js';
import { OPERATOR_AUTH } from './support/metrics.js';
import { createRedisDatabase } from './support/redis-databases.js';
import { inFolder, spawnServer } from './support/spawned-server.js';
import { OPERATOR } from './support/test-server.js';

const isPossible = inject('redisUrl') !== null && inject('mysqlUrl') !== null;

/** A phone takes 200 pushes at once and one a second after that. */
const PHONES = 16;
const PAUSE_MS = 250;
/** Several servers start one after the other. */
const LONG_MS = 240_000;
/** What was about to be pushed by a process that was killed may be pushed once more: so long a job is waited for. */
const AROUND_A_KILL_MS = 15_000;

describe.skipIf(!isPossible)('two instances that watch the network', () => {
  const databases: TestDatabases = mysqlDatabases();
  let gateways: TestGateways;
  let network: SwarmNetwork;
  let env: Record<string, string>;

  beforeAll(async () => {
    gateways = await startGateways();
    network = await startSwarmNetwork();
  });
  afterAll(() => Promise.all([gateways.close(), network.close()]));
  beforeEach(async () => {
    await gateways.reset();
    env = {
      ...gateways.environment,
      ...network.environment,
      DATABASE_URL: await databases.create(),
      REDIS_URL: await createRedisDatabase(),
      STATISTICS_USERNAME: OPERATOR.username,
      STATISTICS_PASSWORD: OPERATOR.password,
    };
  });

  it(
    'push once what both of them see',
    async () => {
      await inFolder((one) =>
        inFolder(async (other) => {
          const [first, second] = [
            await spawnServer(env, one),
            await spawnInstance({ ...env, ROLE: 'monitor' }, other),
          ];
          const phones = await subscribePhones(first.onion, PHONES);
          await untilWatched(network, phones, 2);
          const stream = storeSteadily(network, phones, PAUSE_MS);
          await sleep(8000);
          await stream.end();
          expect(stream.stored.length).toBeGreaterThan(200);
          expect(await untilPushed(gateways, phones, stream.stored)).toEqual({ missed: [], twice: [] });
          const exits = await Promise.all([first.process.stop(), second.process.stop()]);
          expect(exits.map(({ code }) => code)).toEqual([0, 0]);
        }),
      );
    },
    LONG_MS,
  );

  it(
    'are noticed when they have the same SWARM_KEY_FILE, and the second does not watch until the first is gone',
    async () => {
      await inFolder((one) =>
        inFolder(async (other) => {
          const keyFile = join(one, 'swarm.key');
          writeFileSync(keyFile, randomBytes(32).toString('hex'));
          const [first, second] = [
            await spawnServer({ ...env, SWARM_KEY_FILE: keyFile }, one),
            await spawnServer({ ...env, SWARM_KEY_FILE: keyFile }, other),
          ];
          const phones = await subscribePhones(second.onion, PHONES);
          await untilWatched(network, phones, 1);
          const told = () =>
            second.process.log.map(({ msg }) => String(msg)).filter((msg) => msg.includes('SWARM_KEY_FILE'));
          await expect.poll(told, { timeout: 30_000 }).toHaveLength(1);
          expect(told()[0]).toMatch(
            /another instance uses the same SWARM_KEY_FILE.*Every instance needs a key of its own: remove/,
          );
          const ready = (server: typeof first) =>
            fetch(`${server.start.address}/health/ready`, { headers: { authorization: OPERATOR_AUTH } });
          const [well, ill] = [await ready(first), await ready(second)];
          expect([well.status, ill.status]).toEqual([200, 503]);
          expect(await ill.json()).toMatchObject({
            status: 'error',
            network: {
              status: 'error',
              problem: 'another instance uses the same SWARM_KEY_FILE, this one does not watch',
            },
          });
          // Its connection would have taken the route of the first.
          for (const { proxy } of network.members) expect(proxy.openConnections).toBeLessThanOrEqual(1);
          expect((await first.process.stop()).code).toBe(0);
          await second.process.waitForLine('the network is watched', 20_000);
          await expect.poll(async () => (await ready(second)).status).toBe(200);
          const stream = storeSteadily(network, phones, PAUSE_MS);
          await sleep(1000);
          await stream.end();
          expect(await untilPushed(gateways, phones, stream.stored)).toEqual({ missed: [], twice: [] });
          await second.process.stop();
        }),
      );
    },
    LONG_MS,
  );

  it(
    'miss nothing while one of them and then the other is killed and started again',
    async () => {
      await inFolder((one) =>
        inFolder(async (other) => {
          const folders = [one, other];
          const servers = await Promise.all(folders.map((folder) => spawnServer(env, folder)));
          const [{ onion }] = servers as [(typeof servers)[number]];
          const phones = await subscribePhones(onion, PHONES);
          await untilWatched(network, phones, 2);
          const stream = storeSteadily(network, phones, PAUSE_MS);
          const kills: number[] = [];
          for (const [place, folder] of folders.entries()) {
            await sleep(1500);
            kills.push(Date.now());
            await servers[place]?.process.stop('SIGKILL');
            await sleep(1000);
            servers[place] = await spawnServer(env, folder);
            await servers[place].process.waitForLine('the network is watched', 30_000);
          }
          await sleep(1000);
          await stream.end();
          expect(stream.stored.length).toBeGreaterThan(200);
          const { missed, twice } = await untilPushed(gateways, phones, stream.stored);
          expect(missed).toEqual([]);
          const isExplained = ({ storedAt }: { storedAt: number }) =>
            kills.some((killedAt) => Math.abs(killedAt - storedAt) < AROUND_A_KILL_MS);
          expect(twice.filter((message) => !isExplained(message))).toEqual([]);
          await Promise.all(servers.map(({ process }) => process.stop()));
        }),
      );
    },
    LONG_MS,
  );
});
