import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { encodeReport, makeMessage } from '../../gateways/swarm/messages.js';
import { type Member, type SwarmNetwork, startSwarmNetwork } from '../../gateways/swarm/network.js';
import { startGateways, type TestGateways } from '../support/gateways.js';
import { peakMb } from '../support/load/resident-memory.js';
import {
  accountOf,
  type NetworkPhone,
  phoneWith,
  type StoredText,
  storeSteadily,
  subscribe,
  untilPushed,
  untilWatched,
  waitsFor,
} from '../support/network-phones.js';
import { type SpawnedServer, spawnServer } from '../support/spawned-server.js';

const PATIENCE = { timeout: 60_000, interval: 100 };
const LARGEST = 76_800;
/** Above what no attack may bring the process, however long it lasts. */
const MAX_MEMORY_MB = 350;

/** Those who attack and those who get the pushes are one process: more than without an attack it may well take. */
const MAX_DELAY_MS = 5000;
const TWO_HOURS_MS = 7_200_000;

/** With 1000 that nobody else reports a node is set aside; some more are on their way then. */
const INVENTED = 1200;

const NAMED = 'a node misbehaves and is set aside';
const ALONE = { msg: NAMED, reason: 'unconfirmed', offences: 0 };
const SLOWED = 'a node sends more than its share and is read slowly';

/** What a node does, to whom it can; each in a swarm of its own. */
interface Attack {
  readonly what: string;
  /** What the log says of it, beside its key. */
  readonly told: { readonly msg: string; readonly reason?: string; readonly offences: number };
  /** There are 1000 of these at least. */
  readonly counted?: 'taken' | 'copies';
  /** As many as the people of its swarm get of it, at the most. */
  readonly pushes: number;
  readonly begin: (member: Member, people: People) => Promise<void>;
}

interface People {
  /** In the node's swarm: the one that is attacked, and one that is not. */
  readonly victim: NetworkPhone;
  readonly neighbour: NetworkPhone;
  /** In another one. */
  readonly stranger: NetworkPhone;
  /** In the node's swarm, and subscribed by nobody. */
  readonly nobody: Buffer;
}

/** Until the node is stopped. It leaves some time to the others in this process: the push service, and the other nodes. */
async function forEver({ node }: Member, some: () => Promise<unknown>): Promise<void> {
  while (node.running) {
    await some();
    await sleep(10);
  }
}

const floodForEver = (member: Member, account: Buffer, dataBytes?: number): Promise<void> =>
  forEver(member, () => member.node.flood({ account, count: 32, ...(dataBytes === undefined ? {} : { dataBytes }) }));
const sayForEver = (member: Member, ...frames: (string | Buffer)[]): Promise<void> =>
  forEver(member, () => Promise.all(Array.from({ length: 64 }, () => member.node.say(...frames))));

const ATTACKS: readonly Attack[] = [
  {
    what: 'reports accounts of other swarms',
    told: { msg: NAMED, reason: 'foreign', offences: 50 },
    pushes: 0,
    begin: (member, { stranger }) => floodForEver(member, accountOf(stranger)),
  },
  {
    what: 'invents messages of people of its swarm',
    told: ALONE,
    counted: 'taken',
    pushes: INVENTED,
    begin: (member, { victim }) => floodForEver(member, accountOf(victim)),
  },
  {
    what: 'invents messages of accounts that nobody has subscribed',
    told: ALONE,
    counted: 'taken',
    pushes: 0,
    begin: (member, { nobody }) => floodForEver(member, nobody),
  },
  {
    what: 'sends the largest messages that there may be, for ever',
    told: { msg: SLOWED, offences: 0 },
    pushes: INVENTED,
    begin: (member, { victim }) => floodForEver(member, accountOf(victim), LARGEST),
  },
  {
    what: 'reports messages from before anybody watched, each once',
    told: ALONE,
    counted: 'taken',
    pushes: INVENTED,
    begin: (member, { victim }) =>
      forEver(member, async () => {
        for (let sent = 0; sent < 32; sent++) {
          const timestamp = Date.now() - TWO_HOURS_MS;
          const message = makeMessage(accountOf(victim), 0, randomBytes(200), { timestamp });
          await member.node.say('notify.message', encodeReport(message, true));
        }
      }),
  },
  {
    what: 'reports an old message again and again',
    told: { msg: SLOWED, offences: 0 },
    counted: 'copies',
    pushes: 1,
    begin: async (member, { victim }) => {
      const message = makeMessage(accountOf(victim), 0, randomBytes(200), { timestamp: Date.now() - 60_000 });
      await sayForEver(member, 'notify.message', encodeReport(message, true));
    },
  },
  {
    what: 'answers what nobody has asked',
    told: { msg: SLOWED, offences: 0 },
    pushes: 0,
    begin: (member) => sayForEver(member, 'REPLY', randomBytes(15), 'de'),
  },
  {
    what: 'greets all the time',
    told: { msg: SLOWED, offences: 0 },
    pushes: 0,
    begin: (member) => sayForEver(member, 'HELLO'),
  },
  {
    what: 'says of all accounts that they have left',
    told: { msg: SLOWED, offences: 0 },
    pushes: 0,
    begin: (member, { victim }) => {
      const part = Buffer.concat([Buffer.from('d1:@33:'), accountOf(victim), Buffer.from('e')]);
      return sayForEver(member, 'notify.monitor_ended', part);
    },
  },
];

describe('a storage node that', () => {
  let folder: string;
  let gateways: TestGateways;
  let network: SwarmNetwork;
  let server: SpawnedServer;
  let people: People[];
  let quietMs: number;
  const phones = () => people.flatMap(({ victim, neighbour }) => [victim, neighbour]);
  const neighbours = () => people.map(({ neighbour }) => neighbour);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'spns-hostile-'));
    gateways = await startGateways();
    network = await startSwarmNetwork({ swarms: ATTACKS.length });
    server = await spawnServer({ ...gateways.environment, ...network.environment }, folder);
    const isIn = (swarm: bigint) => (account: Buffer) => network.chain.swarmOf(account) === swarm;
    const victims = network.chain.swarmIds.map((swarm) => phoneWith(isIn(swarm)));
    people = victims.map((victim, index) => ({
      victim,
      neighbour: phoneWith(isIn(network.chain.swarmIds[index] ?? 0n)),
      stranger: victims[(index + 1) % victims.length] ?? victim,
      nobody: accountOf(phoneWith(isIn(network.chain.swarmIds[index] ?? 0n))),
    }));
    await subscribe(server.onion, phones());
    await untilWatched(network, phones());
    quietMs = delayOf(await writeToNeighbours());
  }, 2 * PATIENCE.timeout);
  afterAll(async () => {
    await server.process.stop();
    await Promise.all([gateways.close(), network.close()]);
    rmSync(folder, { recursive: true, force: true });
  });

  /** Everybody is written to, the people of the attacked swarm too. */
  async function writeToNeighbours(meanwhile: () => Promise<unknown> = () => Promise.resolve()) {
    const stream = storeSteadily(network, neighbours(), 200);
    await meanwhile();
    await vi.waitUntil(() => stream.stored.length >= 3 * people.length, PATIENCE);
    await stream.end();
    expect(await untilPushed(gateways, neighbours(), stream.stored)).toEqual({ missed: [], twice: [] });
    return stream.stored;
  }

  /** Within this time 95 of 100 are pushed. */
  const delayOf = (stored: readonly StoredText[]): number => {
    const waits = waitsFor(gateways, neighbours(), stored);
    return waits[Math.floor(waits.length * 0.95)] ?? Infinity;
  };
  const told = (key: string, { msg }: Attack['told']) =>
    server.process.log.filter((line) => line['msg'] === msg && line['node'] === key);

  it.each(ATTACKS.map((attack, index) => ({ ...attack, index })))(
    '$what is named and bounded, and keeps nothing from anybody',
    async ({ begin, told: expected, counted, index }) => {
      const its = people[index];
      const member = its && network.membersOf(accountOf(its.victim))[0];
      if (!its || !member) throw new Error('There are too few swarms.');
      const key = member.node.keys.x25519.toString('hex');

      member.node.fallBehind();
      const attack = begin(member, its);
      const stored = await writeToNeighbours(() => vi.waitUntil(() => told(key, expected).length > 0, PATIENCE));
      expect(told(key, expected)).toMatchObject([
        { ...expected, taken: expect.any(Number), copies: expect.any(Number) },
      ]);
      if (counted) expect(told(key, expected)[0]?.[counted]).toBeGreaterThanOrEqual(1000);
      expect(delayOf(stored)).toBeLessThan(quietMs + MAX_DELAY_MS);
      expect(peakMb(server.process.child.pid ?? 0)).toBeLessThan(MAX_MEMORY_MB);
      member.node.stop();
      await attack;
    },
    4 * PATIENCE.timeout,
  );

  it('has done all this has pushed little to the people of its swarm, and nothing to others', () => {
    const pushes = people.map(
      ({ victim }) => gateways.fcm.received.filter(({ body }) => body.message.token === victim.token).length,
    );
    const bounds = ATTACKS.map(({ pushes: bound }) => bound);
    expect(pushes.map((count, index) => Math.max(count, bounds[index] ?? 0))).toEqual(bounds);
  });

  it('is named by its key alone, and nobody by anything', () => {
    const said = server.process.stdout + server.process.stderr;
    for (const { account, token } of phones())
      for (const secret of [account.id, account.id.slice(2), token]) expect(said).not.toContain(secret);
  });
});
