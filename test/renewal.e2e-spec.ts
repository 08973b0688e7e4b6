import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type SwarmNetwork, startSwarmNetwork } from '../gateways/swarm/network.js';
import { SwarmMonitor } from '../src/swarms/watch/swarm-monitor.service.js';
import { DEFAULT_WATCH_TUNING } from '../src/swarms/watch/swarm-watch.js';
import { describeOneDatabase } from './support/databases.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { accountOf, type NetworkPhone, subscribePhones, untilPushed, untilWatched } from './support/network-phones.js';
import { TestServer } from './support/test-server.js';

/** All times are this part of the real ones. */
const SCALE = 1 / 600;
/** A node forgets who has not asked again for 65 minutes. */
const LAPSE_MS = 65 * 60_000 * SCALE;
const [LEAST, MOST] = DEFAULT_WATCH_TUNING.renewMs;
const PHONES = 12;

describeOneDatabase('nodes that forget who asked', (databases) => {
  let gateways: TestGateways;
  let network: SwarmNetwork;
  let server: TestServer;
  beforeAll(async () => void (gateways = await startGateways()));
  beforeEach(async () => void (network = await startSwarmNetwork({ subscriptionMs: LAPSE_MS })));
  afterEach(async () => {
    await server.close();
    await network.close();
    await gateways.reset();
  });
  afterAll(() => gateways.close());

  const start = async (renewMs: readonly [number, number]): Promise<NetworkPhone[]> => {
    const env = network.environment;
    server = await TestServer.start({ database: await databases.create(), gateways, env, watch: { renewMs } });
    const phones = await subscribePhones(server.onion, network, PHONES);
    await untilWatched(network, phones);
    return phones;
  };
  const store = (phones: readonly NetworkPhone[]) =>
    Promise.all(phones.map((phone) => network.storeAndCount(accountOf(phone), 0, Buffer.from('hello'))));

  it('are asked again before that, on the lines that there are, and go on to report', async () => {
    const phones = await start([LEAST * SCALE, MOST * SCALE]);
    await sleep(3 * LAPSE_MS);
    const stored = await store(phones);
    expect(stored.map(({ told }) => told)).toEqual(phones.map(() => 3));
    const messages = stored.map(({ hash }) => ({ hash, storedAt: Date.now() }));
    expect(await untilPushed(gateways, phones, messages)).toEqual({ missed: [], twice: [] });
    expect(server.app.get(SwarmMonitor).status().endedConnections).toEqual({});
  });

  it('report nothing more when they are asked too late', async () => {
    const phones = await start([2 * LAPSE_MS, 2 * LAPSE_MS]);
    await sleep(LAPSE_MS + 500);
    const stored = await store(phones);
    expect(stored.map(({ told }) => told)).toEqual(phones.map(() => 0));
  });
});
