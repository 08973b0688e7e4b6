import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startSwarmNetwork, type SwarmNetwork } from '../../gateways/swarm/network.js';
import { Correspondent } from '../support/load/correspondent.js';
import { type CountedGateways, startCountedGateways } from '../support/load/counted-gateways.js';
import { DeliveryLedger } from '../support/load/delivery-ledger.js';
import { SealedPhones } from '../support/load/sealed-phones.js';
import { describeEachStorage, type LoadStorage } from '../support/load/storages.js';
import { withContent } from '../support/load/stored-state.js';
import { SupervisedServer } from '../support/load/supervised-server.js';

describeEachStorage('a server that is killed right after a node reported a message', (create) => {
  const deliveries = new DeliveryLedger();
  const phones = new SealedPhones();
  const folder = mkdtempSync(join(tmpdir(), 'spns-report-'));
  let gateways: CountedGateways;
  let network: SwarmNetwork;
  let storage: LoadStorage;
  let server: SupervisedServer;
  let correspondent: Correspondent;

  beforeAll(async () => {
    gateways = await startCountedGateways(deliveries, (body) => phones.reveal(body));
    network = await startSwarmNetwork();
    storage = await create();
    server = new SupervisedServer({ ...gateways.environment, ...network.environment, ...storage.env }, folder);
    await server.start();
    correspondent = new Correspondent({ server, network, phones, deliveries });
    await correspondent.settle();
  });
  afterAll(async () => {
    await Promise.all([gateways.close(), network.close()]);
    rmSync(folder, { recursive: true, force: true });
  });

  it('pushes it to every phone after the restart, once, so that the phone can open it', async () => {
    await Promise.all(gateways.all.map((gateway) => gateway.stopListening()));
    await correspondent.act();
    // On its way from one lane to the next an item can be seen in both.
    await expect.poll(async () => new Set(await storage.readQueue()).size, { timeout: 30_000, interval: 5 }).toBe(3);
    await server.kill();
    const queued = [...new Set(withContent(await storage.read()))];
    expect(queued).toHaveLength(3);
    queued.forEach((row) => deliveries.queued(phones.reveal(row)));
    expect(deliveries.summary()).toMatchObject({ acknowledged: 1, pushes: 0, lost: 3 });

    await Promise.all(gateways.all.map((gateway) => gateway.listenAgain()));
    await server.start();
    await expect.poll(() => deliveries.pending(), { timeout: 60_000 }).toBe(0);
    await expect.poll(() => storage.readQueue(), { timeout: 60_000 }).toEqual([]);
    await server.stop();
    expect(deliveries.summary()).toMatchObject({ pushes: 3, lost: 0, duplicates: 0, strays: 0 });
    expect(server.complaints.filter((line) => !line.includes('provider'))).toEqual([]);
  });
});
