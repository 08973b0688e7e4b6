import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';
import { type SwarmNetwork, startSwarmNetwork } from '../gateways/swarm/network.js';
import { mysqlDatabases, type TestDatabases } from './support/databases.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { spawnInstance } from './support/instances.js';
import {
  type StoredText,
  storeSteadily,
  subscribePhones,
  untilPushed,
  untilWatched,
} from './support/network-phones.js';
import { OPERATOR_AUTH } from './support/metrics.js';
import { type Destination, OwnWays } from './support/own-ways.js';
import { createRedisDatabase } from './support/redis-databases.js';
import { inFolder, type SpawnedServer, spawnServer } from './support/spawned-server.js';
import { OPERATOR } from './support/test-server.js';

const isPossible = inject('redisUrl') !== null && inject('mysqlUrl') !== null;

/** A phone takes 200 pushes at once and one a second after that. */
const PHONES = 16;
const PAUSE_MS = 250;
/** Several servers start one after the other. */
const LONG_MS = 240_000;
/** From a message to its push, and until the server knows of that, it takes no longer than this. */
const IN_FLIGHT_MS = 2500;
/** Between two failures, so that much of the stream is near to none. */
const QUIET_MS = 6000;
/** A message is noted a moment after it was stored. */
const NOTED_WITHIN_MS = 500;
const CUT_OFF_MS = 10_000;

/** The messages that were not stored while this lasted, nor in flight when it began. */
const apartFrom = (stored: readonly StoredText[], times: readonly (readonly [from: number, to: number])[]) =>
  stored.filter(({ storedAt }) => !times.some(([from, to]) => storedAt > from - IN_FLIGHT_MS && storedAt <= to));

const askReadiness = ({ start }: SpawnedServer) =>
  fetch(`${start.address}/health/ready`, { headers: { authorization: OPERATOR_AUTH } });
const readinessOf = async (server: SpawnedServer) => (await askReadiness(server)).status;

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
          const phones = await subscribePhones(first.onion, network, PHONES);
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
          const phones = await subscribePhones(second.onion, network, PHONES);
          await untilWatched(network, phones);
          const told = () =>
            second.process.log.map(({ msg }) => String(msg)).filter((msg) => msg.includes('SWARM_KEY_FILE'));
          await expect.poll(told, { timeout: 30_000 }).toHaveLength(1);
          expect(told()[0]).toMatch(
            /another instance uses the same SWARM_KEY_FILE.*Every instance needs a key of its own: remove/,
          );
          const [well, ill] = [await askReadiness(first), await askReadiness(second)];
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
          await expect.poll(() => readinessOf(second)).toBe(200);
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
          const phones = await subscribePhones(onion, network, PHONES);
          await untilWatched(network, phones, 2);
          const stream = storeSteadily(network, phones, PAUSE_MS);
          const kills: [from: number, to: number][] = [];
          for (const [place, folder] of folders.entries()) {
            await sleep(QUIET_MS);
            const killedAt = Date.now();
            await servers[place]?.process.stop('SIGKILL');
            await sleep(NOTED_WITHIN_MS);
            kills.push([killedAt, Date.now()]);
            servers[place] = await spawnServer(env, folder);
            await servers[place].process.waitForLine('the network is watched', 30_000);
          }
          await sleep(QUIET_MS);
          await stream.end();
          expect(stream.stored.length).toBeGreaterThan(200);
          const { missed, twice } = await untilPushed(gateways, phones, stream.stored);
          expect(missed).toEqual([]);
          expect(apartFrom(stream.stored, kills).length).toBeGreaterThan(stream.stored.length / 2);
          expect(apartFrom(twice, kills)).toEqual([]);
          await Promise.all(servers.map(({ process }) => process.stop()));
        }),
      );
    },
    LONG_MS,
  );

  it.each<Destination>(['Redis', 'the database', 'all nodes'])(
    'miss nothing while one of them is cut off from %s',
    async (destination) => {
      const ways = await OwnWays.open(env as Record<'REDIS_URL' | 'DATABASE_URL', string>, network);
      onTestFinished(() => ways.close());
      await inFolder((one) =>
        inFolder(async (other) => {
          const [first, second] = [
            await spawnServer(env, one),
            await spawnServer({ ...env, ...ways.environment }, other),
          ];
          const phones = await subscribePhones(first.onion, network, PHONES);
          await untilWatched(network, phones, 2);
          const stream = storeSteadily(network, phones, PAUSE_MS);
          await sleep(QUIET_MS);
          const cutOffAt = Date.now();
          await ways.cutOff(destination);
          await sleep(CUT_OFF_MS);
          await ways.mend(destination);
          await expect.poll(() => readinessOf(second), { timeout: 30_000 }).toBe(200);
          await sleep(QUIET_MS);
          await stream.end();
          const { missed, twice } = await untilPushed(gateways, phones, stream.stored);
          expect(missed).toEqual([]);
          // What it had begun to deliver is delivered by the other one, too.
          const explained = destination === 'Redis' ? [[cutOffAt, cutOffAt + NOTED_WITHIN_MS] as const] : [];
          expect(apartFrom(twice, explained)).toEqual([]);
          const exits = await Promise.all([first.process.stop(), second.process.stop()]);
          expect(exits.map(({ code }) => code)).toEqual([0, 0]);
        }),
      );
    },
    LONG_MS,
  );
});
