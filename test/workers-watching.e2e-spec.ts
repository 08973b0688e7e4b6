import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type SwarmNetwork, startSwarmNetwork } from '../gateways/swarm/network.js';
import { type HealthReport } from '../src/health/health.service.js';
import { describeOneDatabase } from './support/databases.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { Metrics, OPERATOR_AUTH } from './support/metrics.js';
import { accountOf, countPushes, subscribePhones, untilWatched } from './support/network-phones.js';
import { inFolder, type ServerProcess, type SpawnedServer, spawnServer } from './support/spawned-server.js';
import { OPERATOR } from './support/test-server.js';

const PHONES = 8;
/** From the death of the process that watches; what a start takes on a busy machine included. */
const WATCHES_AGAIN_WITHIN_MS = 20_000;

function leaderOf({ log }: ServerProcess): number {
  const later = log.findLast(({ msg, leads }) => msg === 'a process took its place' && leads === true);
  const start = log.find(({ msg }) => msg === 'listening');
  return Number(later?.['pid'] ?? start?.['leader']);
}

const timesSaid = ({ log }: ServerProcess, msg: string) => log.filter((line) => line['msg'] === msg).length;

describeOneDatabase('WORKERS=3 with the storage network', (databases) => {
  let gateways: TestGateways;
  let network: SwarmNetwork;
  beforeAll(async () => void (gateways = await startGateways()));
  beforeEach(async () => void (network = await startSwarmNetwork()));
  afterEach(async () => {
    await network.close();
    await gateways.reset();
  });
  afterAll(() => gateways.close());

  /** A connection of its own, so that any of the processes may get it. */
  const ask = ({ start }: SpawnedServer, path: string) =>
    fetch(`${start.address}${path}`, { headers: { authorization: OPERATOR_AUTH, connection: 'close' } });
  const connections = () => network.members.map(({ proxy }) => proxy.openConnections);
  const healthOf = async (server: SpawnedServer) =>
    ((await (await ask(server, '/health/ready')).json()) as HealthReport).network;

  it('has one process that watches; when it is killed another one watches within seconds, and each answers how it is', async () => {
    await inFolder(async (folder) => {
      const env = {
        ...gateways.environment,
        ...network.environment,
        DATABASE_URL: await databases.create(),
        WORKERS: '3',
        STATISTICS_USERNAME: OPERATOR.username,
        STATISTICS_PASSWORD: OPERATOR.password,
      };
      const server = await spawnServer(env, folder);
      const phones = await subscribePhones(server.onion, network, PHONES);
      await untilWatched(network, phones);
      // Each process shares what it found for a second; some answers in a row are from all of them.
      const problems = async () => {
        const answers = [];
        for (let times = 0; times < 12; times++) answers.push(await healthOf(server));
        return answers.filter((answer) => answer?.status !== 'ok');
      };
      await expect.poll(problems, { timeout: 30_000 }).toEqual([]);
      expect(connections()).toEqual(network.members.map(() => 1));
      for (let times = 0; times < 9; times++) {
        const metrics = new Metrics(await (await ask(server, '/metrics')).text());
        expect(metrics.value('session_push_watched_accounts', { coverage: 'full' })).toBe(PHONES);
        expect(await healthOf(server)).toEqual({ status: 'ok' });
      }

      const said = timesSaid(server.process, 'the network is watched');
      const killedAt = performance.now();
      process.kill(leaderOf(server.process), 'SIGKILL');
      await expect
        .poll(() => timesSaid(server.process, 'the network is watched'), { timeout: 60_000, interval: 50 })
        .toBe(said + 1);
      expect(performance.now() - killedAt).toBeLessThan(WATCHES_AGAIN_WITHIN_MS);
      // It says so as soon as one node of each swarm is told; the others come a moment later.
      await untilWatched(network, phones);
      await expect.poll(connections).toEqual(network.members.map(() => 1));
      const hashes = await Promise.all(
        phones.map((phone) => network.store(accountOf(phone), 0, Buffer.from('after the kill'))),
      );
      await expect
        .poll(() => hashes.filter((hash) => countPushes(gateways, phones).has(hash)).length, { timeout: 30_000 })
        .toBe(PHONES);
      await sleep(500);
      expect([...countPushes(gateways, phones).values()]).toEqual(phones.map(() => 1));
      // A phone that subscribes at another process is watched too.
      const more = await subscribePhones(server.onion, network, PHONES);
      await untilWatched(network, more);
      expect((await server.process.stop()).code).toBe(0);
    });
  }, 240_000);
});
