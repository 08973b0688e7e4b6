import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startSwarmNetwork, type SwarmNetwork } from '../../gateways/swarm/network.js';
import { Notifier, play, type Stage, Wanderer } from '../support/load/actors.js';
import { Correspondent } from '../support/load/correspondent.js';
import { type CountedGateways, startCountedGateways } from '../support/load/counted-gateways.js';
import { DeliveryLedger } from '../support/load/delivery-ledger.js';
import { LoadClient } from '../support/load/load-client.js';
import { RegistryLedger } from '../support/load/registry-ledger.js';
import { SealedPhones } from '../support/load/sealed-phones.js';
import { describeEachStorage, type LoadStorage } from '../support/load/storages.js';
import { type StoredState, withContent } from '../support/load/stored-state.js';
import { SupervisedServer } from '../support/load/supervised-server.js';

/** Per kind of storage. `KILLS=200 npm run crash-test` is the long run. */
const KILLS = Number(process.env['KILLS'] ?? 7);
const NOTIFIERS = 4;
const WANDERERS = 6;
const CORRESPONDENTS = 2;
/** So many that no phone gets more in one life than goes out whole. */
const PEOPLE_EACH = Math.max(4, 2 * Math.ceil(KILLS / 5));
const PAUSE_MS = 20;
/** A life ends after up to so many answers, or when it had enough time for them. */
const LONGEST_LIFE = { answers: 150, ms: 5000 };
const LONGEST_START_MS = 1200;
/** Without getting less for this long, what is left does not go out any more. */
const NO_PROGRESS_MS = 60_000;

describeEachStorage('a server that is killed at any moment', (create) => {
  const registry = new RegistryLedger();
  const deliveries = new DeliveryLedger();
  const contradictions: string[] = [];
  const kills = { underLoad: 0, atStart: 0, atStop: 0 };
  const folder = mkdtempSync(join(tmpdir(), 'spns-kill-'));
  const phones = new SealedPhones();
  let correspondents: Correspondent[] = [];
  let gateways: CountedGateways;
  let network: SwarmNetwork;
  let server: SupervisedServer;
  let client: LoadClient;
  let storage: LoadStorage;
  let left: StoredState;

  beforeAll(
    async () => {
      gateways = await startCountedGateways(deliveries, (body) => phones.reveal(body));
      network = await startSwarmNetwork();
      storage = await create();
      server = new SupervisedServer({ ...gateways.environment, ...network.environment, ...storage.env }, folder);
      client = new LoadClient(server);
      const stage: Stage = { client, registry, deliveries, contradictions };
      await server.start();
      const notifiers = Array.from({ length: NOTIFIERS }, () => new Notifier(stage, PEOPLE_EACH / 2));
      await Promise.all(notifiers.map((notifier) => notifier.settle()));
      const wanderers = Array.from({ length: WANDERERS }, () => new Wanderer(stage));
      correspondents = Array.from(
        { length: CORRESPONDENTS },
        () => new Correspondent({ server, network, phones, deliveries }, PEOPLE_EACH),
      );
      await Promise.all(correspondents.map((correspondent) => correspondent.settle()));
      const load = play([...notifiers, ...wanderers, ...correspondents], PAUSE_MS);

      for (let kill = 1; kill <= KILLS; kill++) {
        await untilAnswered(Math.random() * LONGEST_LIFE.answers);
        await killSomehow();
        await lookAtWhatIsLeft();
        await server.start();
      }
      await untilAnswered(LONGEST_LIFE.answers);
      await load.stop();
      await untilDelivered();
      await server.stop();
      left = await storage.read();
      contradictions.push(...registry.differences(left.registry));
    },
    300_000 + KILLS * 10_000,
  );

  afterAll(async () => {
    await Promise.all([gateways.close(), network.close()]);
    rmSync(folder, { recursive: true, force: true });
    const { requests, cut } = client.tally;
    console.log(Object.keys(storage.env).join(), {
      kills,
      requests,
      cut,
      reported: reported(),
      ...deliveries.summary(),
      collapsedByServer: Object.fromEntries(server.collapsed),
    });
  });

  /** Counts answers and not time, so that a slow machine has as much in hand at a kill as a fast one. */
  async function untilAnswered(answers: number): Promise<void> {
    const [target, deadline] = [client.tally.acknowledged + answers, Date.now() + LONGEST_LIFE.ms];
    while (client.tally.acknowledged < target && Date.now() < deadline) await sleep(Math.random() * 10);
  }

  /** Mostly in the middle of the work; now and then while it ends in good order, or before it listens. */
  async function killSomehow(): Promise<void> {
    const how = Math.random();
    if (how < 0.15) {
      kills.atStop++;
      await server.stopThenKill(Math.random() * 100);
      return;
    }
    kills.underLoad++;
    await server.kill();
    if (how > 0.85) {
      kills.atStart++;
      // It may live long enough to deliver.
      await lookAtWhatIsLeft();
      await server.dieAtStart(Math.random() * LONGEST_START_MS);
    }
  }

  async function lookAtWhatIsLeft(): Promise<void> {
    const stored = await storage.read();
    contradictions.push(...registry.differences(stored.registry));
    withContent(stored).forEach((data) => deliveries.queued(phones.reveal(data)));
  }

  const reported = () => correspondents.reduce((sum, one) => sum + one.reported, 0);

  /** However long it takes, as long as it gets less: what killed processes had in hand is worked on piece by piece. */
  async function untilDelivered(): Promise<void> {
    let [fewest, deadline] = [Infinity, 0];
    for (;;) {
      // What a killed process had delivered and not settled stays in Redis until its lock ends.
      const left = deliveries.pending() + (await storage.readQueue()).length;
      if (left === 0) return;
      if (left < fewest) [fewest, deadline] = [left, Date.now() + NO_PROGRESS_MS];
      if (Date.now() > deadline) return;
      await sleep(200);
    }
  }

  it('was killed often enough, with work in hand', () => {
    expect(kills.underLoad + kills.atStop).toBe(KILLS);
    expect(client.tally.cut).toBeGreaterThan(0);
    expect(deliveries.summary().acknowledged).toBeGreaterThan(KILLS);
    expect(reported()).toBeGreaterThan(KILLS);
  });

  it('has every acknowledged registration, removal and group change', () => {
    expect(contradictions).toEqual([]);
  });

  it('brings every acknowledged notification, and every report that reached the queue, to all its phones', () => {
    const { lost, strays, collapsed, wakeups } = deliveries.summary();
    expect({ lost, strays }).toEqual({ lost: 0, strays: 0 });
    // After many kills some have waited for so long that they are collapsed: the server says of how many.
    const leftOut = [...server.collapsed.values()].reduce((sum, count) => sum + count, 0);
    expect(collapsed).toBeLessThanOrEqual(wakeups + leftOut);
    expect(left.queued).toEqual([]);
  });

  it('repeats no push but those that were in flight at a kill', () => {
    const { duplicates, duplicatesAllowed, unexplained } = deliveries.summary();
    expect(unexplained).toBe(0);
    expect(duplicates).toBeLessThanOrEqual(duplicatesAllowed);
  });

  it('answers every request that it answers with what was asked for, and logs no error', () => {
    expect(client.tally.unexpected).toEqual([]);
    expect(client.tally.failed).toBe(0);
    expect(server.complaints).toEqual([]);
  });
});
