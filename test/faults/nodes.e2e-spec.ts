import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type MonitorCode } from '../../gateways/swarm/monitor-request.js';
import { type Member, type SwarmNetwork, startSwarmNetwork } from '../../gateways/swarm/network.js';
import { SpecClient } from '../../gateways/swarm/spec-client.js';
import { OwnKeys } from '../../src/swarms/lines/node-connection.js';
import { routingIdFor } from '../../src/swarms/wire/oxenmq.protocol.js';
import { SwarmMonitor } from '../../src/swarms/watch/swarm-monitor.service.js';
import { startGateways, type TestGateways } from '../support/gateways.js';
import {
  accountOf,
  countPushes,
  type NetworkPhone,
  type StoredText,
  untilPushed,
  untilWatched,
} from '../support/network-phones.js';
import { newAndroidToken } from '../support/people.js';
import { newSessionId, subscribeRequest } from '../support/subscribing-phone.js';
import { TestServer } from '../support/test-server.js';

/** What one node of a swarm goes through. Each has a swarm of its own, so that all of them happen at one time. */
interface BadDay {
  readonly what: string;
  /** Somebody subscribes meanwhile, so that the node is asked. */
  readonly isAsked?: true;
  /** It lasts until the server has given the connection up. */
  readonly isLong?: true;
  readonly begin: (member: Member, network: SwarmNetwork, own: OwnKeys) => void | Promise<void>;
  readonly end: (member: Member, network: SwarmNetwork) => void | Promise<void>;
}

const DAY_MS = 4000;
/** A silent connection is given up after 30 s, and it is looked every 15 s; the same for one that does not answer HI. */
const LONG_DAY_MS = 65_000;
/** How often the route is taken, the last time some while before the end of the day. */
const AGAIN_MS = 27_000;
/** From the end of a bad day until the node watches again. */
const WHOLE_AGAIN_WITHIN_MS = 60_000;
const LARGER_THAN_ALLOWED = 2 * 1024 * 1024;
const CODES: readonly MonitorCode[] = [1, 2, 3, 4, 5, 6, 7];

const nothing = (): void => undefined;
const heal = ({ node }: Member): void => node.faults.clear();
const pass = ({ proxy }: Member): Promise<void> => proxy.be('pass');

/** Somebody who connects with our routing id, and again when we have taken our route back. */
function thiefOfTheRoute(): Pick<BadDay, 'begin' | 'end'> {
  let thief: SpecClient | undefined;
  let again: NodeJS.Timeout | undefined;
  const take = ({ node }: Member, own: OwnKeys): SpecClient => {
    thief?.close();
    const key = node.keys.x25519;
    thief = new SpecClient(node.listener.address, key, String(routingIdFor(own.privateKey, key)));
    return thief;
  };
  return {
    begin: async (member, _network, own) => {
      await take(member, own).greet();
      again = setInterval(() => take(member, own), AGAIN_MS);
    },
    end: () => {
      clearInterval(again);
      thief?.close();
    },
  };
}

const MORE_THAN_ANY_MESSAGE = Array.from({ length: 20 }, () => Buffer.from('x'));

const BAD_DAYS: readonly BadDay[] = [
  { what: 'stops', begin: ({ node }) => node.stop(), end: ({ node }) => node.start() },
  { what: 'is restarted, which forgets who asked', begin: ({ node }) => node.restart(), end: nothing },
  { what: 'freezes', isLong: true, begin: ({ proxy }) => proxy.be('frozen'), end: pass },
  { what: 'is cut off', begin: ({ proxy }) => proxy.cut(), end: nothing },
  { what: 'refuses connections', begin: ({ proxy }) => proxy.be('refuse'), end: pass },
  {
    what: 'takes connections that lead nowhere',
    isLong: true,
    begin: ({ proxy }) => proxy.be('half-open'),
    end: pass,
  },
  { what: 'gives our route to somebody else who claims it', isLong: true, ...thiefOfTheRoute() },
  {
    what: 'is no ZeroMQ peer any more',
    begin: async ({ proxy }) => {
      await proxy.be('no-zeromq');
      proxy.cut();
    },
    end: pass,
  },
  {
    what: 'sends single bytes',
    begin: async ({ proxy }) => {
      await proxy.be('single-bytes');
      proxy.cut();
    },
    end: pass,
  },
  {
    what: 'has another key than the list says',
    begin: (member, network) => network.changeKeys(member, { listed: false }),
    end: (member, network) => network.changeKeys(member),
  },
  {
    what: 'answers slowly',
    isAsked: true,
    begin: ({ node }) => node.faults.all({ kind: 'delay', delayMs: 3000 }),
    end: heal,
  },
  {
    what: 'drops requests without a word',
    isAsked: true,
    begin: ({ node }) => node.faults.all({ kind: 'silent' }),
    end: heal,
  },
  {
    what: 'answers garbage',
    isAsked: true,
    begin: ({ node }) => node.faults.all({ kind: 'answer', parts: [randomBytes(300)] }),
    end: heal,
  },
  {
    what: 'breaks the connection at every request',
    isAsked: true,
    isLong: true,
    begin: ({ node }) => node.faults.all({ kind: 'answer', parts: MORE_THAN_ANY_MESSAGE }),
    end: heal,
  },
  {
    what: 'says what nobody asked for',
    begin: async ({ node }) => {
      await node.say('REPLY', randomBytes(8), 'de');
      await node.say('something.else', 'i1e');
      await node.say('notify.message', randomBytes(500));
    },
    end: nothing,
  },
  {
    what: 'sends more than is allowed',
    begin: ({ node }) => node.say('notify.message', Buffer.alloc(LARGER_THAN_ALLOWED)),
    end: nothing,
  },
  ...CODES.map((code) => ({
    what: `answers with code ${code}`,
    isAsked: true as const,
    begin: ({ node }: Member) => node.faults.all({ kind: 'refuse', code }),
    end: heal,
  })),
];

describe('a storage node that', () => {
  let folder: string;
  let gateways: TestGateways;
  let network: SwarmNetwork;
  let server: TestServer;
  const phones: NetworkPhone[] = [];
  let newcomers = 0;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'spns-nodes-'));
    gateways = await startGateways();
    network = await startSwarmNetwork({ swarms: BAD_DAYS.length });
    server = await TestServer.start({
      database: `sqlite:${join(folder, 'nodes.sqlite')}`,
      gateways,
      env: { ...network.environment, NODE_LIST_FILE: join(folder, 'node-list.json') },
    });
    for (const swarm of network.chain.swarmIds) phones.push(phoneOf(swarm));
    const requests = phones.map(({ account, ...wishes }) => subscribeRequest(account, wishes));
    await server.onion.ask('/subscribe', requests);
    await untilWatched(network, phones);
  });
  afterAll(async () => {
    await server.close();
    await Promise.all([gateways.close(), network.close()]);
    rmSync(folder, { recursive: true, force: true });
  });

  function phoneOf(swarm: bigint): NetworkPhone {
    for (;;) {
      const account = newSessionId();
      if (network.chain.swarmOf(Buffer.from(account.id, 'hex')) !== swarm) continue;
      return { account, token: newAndroidToken(), encKey: randomBytes(32) };
    }
  }

  async function newcomerBeside(phone: NetworkPhone): Promise<NetworkPhone> {
    const newcomer = phoneOf(network.chain.swarmOf(accountOf(phone)) ?? 0n);
    const { account, ...wishes } = newcomer;
    await server.onion.ask('/subscribe', subscribeRequest(account, wishes));
    newcomers++;
    return newcomer;
  }

  const store = async (phone: NetworkPhone) => ({
    hash: await network.store(accountOf(phone), 0, Buffer.from(randomBytes(8).toString('hex'))),
    storedAt: Date.now(),
  });
  const isWatchedBy = ({ node }: Member, phone: NetworkPhone): boolean =>
    node.subscriptions.of(accountOf(phone)).length > 0;

  /**
   * Stores messages that this member alone tells of, until it has told each phone of one. Its subscriptions do not show that
   * it does: they outlive a connection that is dead. The other members tell of these messages at the end.
   */
  async function untilHeardFrom(member: Member, concerned: readonly NetworkPhone[]): Promise<StoredText[]> {
    const fellows = network.membersOfSwarm(member.node.listed?.swarmId ?? null).filter((one) => one !== member);
    for (const { node } of fellows) node.fallBehind();
    const told = await Promise.all(concerned.map(untilOneIsPushed));
    await Promise.all(fellows.map(({ node }) => node.catchUp()));
    return told.flat();
  }

  async function untilOneIsPushed(phone: NetworkPhone): Promise<StoredText[]> {
    const stored: StoredText[] = [];
    const oneIsPushed = async () => {
      stored.push(await store(phone));
      const counts = countPushes(gateways, [phone]);
      return stored.some(({ hash }) => counts.has(hash));
    };
    await vi.waitUntil(oneIsPushed, { timeout: WHOLE_AGAIN_WITHIN_MS, interval: 500 });
    return stored;
  }

  it.concurrent.each(BAD_DAYS.map((day, index) => ({ ...day, index })))(
    '$what keeps no push back, and watches again within a minute',
    async ({ begin, end, index, isAsked, isLong }) => {
      const phone = phones[index];
      const member = phone && network.membersOf(accountOf(phone))[0];
      if (!phone || !member) throw new Error('There are too few swarms.');

      const before = await store(phone);
      await begin(member, network, server.app.get(OwnKeys));
      const concerned = [phone, ...(isAsked ? [await newcomerBeside(phone)] : [])];
      const during = [await store(phone)];
      for (const night = Date.now() + (isLong ? LONG_DAY_MS : DAY_MS); Date.now() < night;) {
        await sleep(DAY_MS);
        for (const one of concerned) during.push(await store(one));
      }
      expect(await untilPushed(gateways, concerned, [before, ...during])).toEqual({ missed: [], twice: [] });

      await end(member, network);
      const isWhole = () => concerned.every((one) => isWatchedBy(member, one));
      await vi.waitUntil(isWhole, { timeout: WHOLE_AGAIN_WITHIN_MS, interval: 50 });
      const after = await untilHeardFrom(member, concerned);
      expect(await untilPushed(gateways, concerned, after)).toEqual({ missed: [], twice: [] });
      expect(countPushes(gateways, concerned).size).toBe(1 + during.length + after.length);
    },
    LONG_DAY_MS + 3 * WHOLE_AGAIN_WITHIN_MS,
  );

  it(
    'has had its bad day leaves everybody watched by all, nothing spinning, and nobody set aside',
    async () => {
      const monitor = server.app.get(SwarmMonitor);
      await expect
        .poll(() => monitor.status().coverage, { timeout: WHOLE_AGAIN_WITHIN_MS })
        .toEqual({ full: BAD_DAYS.length + newcomers, partial: 0, none: 0, uncounted: 0 });
      const { endedConnections, setAside } = monitor.status();
      const ended = Object.values(endedConnections).reduce((sum, count) => sum + count, 0);
      // Each bad day costs its node a few connections at the most.
      expect(ended).toBeLessThan(6 * BAD_DAYS.length);
      expect(endedConnections.silent).toBeGreaterThanOrEqual(2);
      expect(endedConnections.deaf).toBeGreaterThanOrEqual(1);
      expect(setAside).toBe(0);
    },
    2 * WHOLE_AGAIN_WITHIN_MS,
  );
});
