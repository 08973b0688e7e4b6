import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeNodeKeys } from '../../gateways/swarm/keys.js';
import { evenIds, type SwarmNetwork, startSwarmNetwork } from '../../gateways/swarm/network.js';
import { answerListRequest, type Lie } from '../../gateways/swarm/node-list.js';
import { Oxend } from '../../gateways/swarm/oxend.js';
import { SwarmMonitor } from '../../src/swarms/watch/swarm-monitor.service.js';
import { startGateways, type TestGateways } from '../support/gateways.js';
import {
  accountOf,
  linesWatching,
  type NetworkPhone,
  type StoredText,
  subscribePhones,
  untilPushed,
  untilWatched,
} from '../support/network-phones.js';
import { TestServer } from '../support/test-server.js';

const PATIENCE = { timeout: 60_000, interval: 50 };
const NODES_PER_SWARM = 4;

const folder = mkdtempSync(join(tmpdir(), 'spns-lists-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let databases = 0;
const newDatabase = () => `sqlite:${join(folder, `${databases++}.sqlite`)}`;

const startNetwork = (swarms: number, nodesPerSwarm = NODES_PER_SWARM) =>
  startSwarmNetwork({ swarmIds: evenIds(swarms), nodesPerSwarm });

const store = async (network: SwarmNetwork, phone: NetworkPhone): Promise<StoredText> => ({
  hash: await network.store(accountOf(phone), 0, Buffer.from(`message ${Math.random()}`)),
  storedAt: Date.now(),
});

async function expectPushes(gateways: TestGateways, network: SwarmNetwork, phones: NetworkPhone[]): Promise<void> {
  const stored = await Promise.all(phones.map((phone) => store(network, phone)));
  expect(await untilPushed(gateways, phones, stored)).toEqual({ missed: [], twice: [] });
}

const listOf = (server: TestServer) => server.app.get(SwarmMonitor).status().list;

describe('a source of the node list that says', () => {
  let gateways: TestGateways;
  let network: SwarmNetwork;
  let server: TestServer;
  let phones: NetworkPhone[];

  beforeAll(async () => {
    gateways = await startGateways();
    network = await startNetwork(3);
    server = await TestServer.start({ database: newDatabase(), gateways, env: network.environment });
    phones = await subscribePhones(server.onion, network);
    await untilWatched(network, phones);
  });
  afterAll(async () => {
    await server.close();
    await Promise.all([gateways.close(), network.close()]);
  });

  const connections = () => network.members.map(({ proxy }) => proxy.connections);
  /** The list as it is, with something else in it. */
  const changed = (change: (list: { height: number; service_node_states: Record<string, unknown>[] }) => void): Lie => {
    const list = JSON.parse(answerListRequest({ chain: network.chain }, '{}').text) as Parameters<typeof change>[0];
    change(list);
    return { kind: 'text', text: JSON.stringify(list) };
  };

  const LIES: readonly { readonly what: string; readonly reason: string; readonly lie: () => Lie }[] = [
    { what: 'no node', reason: 'empty', lie: () => ({ kind: 'empty' }) },
    { what: 'a tenth of the nodes', reason: 'too-different', lie: () => ({ kind: 'share', share: 0.1 }) },
    { what: 'half of the nodes', reason: 'too-different', lie: () => ({ kind: 'share', share: 0.5 }) },
    { what: 'nothing but nonsense', reason: 'empty', lie: () => ({ kind: 'nonsense', instead: true }) },
    { what: 'no JSON', reason: 'unreadable', lie: () => ({ kind: 'text', text: '{"service_node_states":[{' }) },
    { what: 'the list of an older block', reason: 'older', lie: () => ({ kind: 'older', blocks: 3 }) },
    {
      what: 'as many nodes that nobody knows',
      reason: 'too-different',
      lie: () => {
        const nodes = network.chain.block.nodes.map((node) => ({ ...node, x25519: makeNodeKeys().x25519 }));
        return { kind: 'nodes', nodes };
      },
    },
    {
      what: 'the nodes, and as many more in swarms of their own',
      reason: 'too-different',
      lie: () => {
        const { nodes } = network.chain.block;
        const more = nodes.map((node, index) => ({
          ...node,
          ...makeNodeKeys(),
          swarmId: evenIds(nodes.length)[index] ?? 0n,
        }));
        return { kind: 'nodes', nodes: [...nodes, ...more] };
      },
    },
    {
      what: 'the nodes in swarms that are not theirs',
      reason: 'too-different',
      lie: () => {
        const { nodes } = network.chain.block;
        const shuffled = nodes.map((node, index) => ({ ...node, swarmId: nodes[(index + 5) % nodes.length]?.swarmId ?? 0n })); // prettier-ignore
        return { kind: 'nodes', nodes: shuffled };
      },
    },
  ];

  it.each(LIES)('$what is not believed: nobody is left', async ({ lie, reason }) => {
    const before = connections();
    for (let blocks = 0; blocks < 3; blocks++) network.newBlock();
    await vi.waitUntil(() => listOf(server).height === network.chain.block.height, PATIENCE);
    network.oxend.lie = lie();
    if (reason !== 'older') network.newBlock();
    else network.oxend.announce(network.chain.block);
    await vi.waitUntil(() => Object.values(listOf(server).failures).includes(reason), PATIENCE);
    await expectPushes(gateways, network, phones);
    expect(linesWatching(network, phones)).toBe(1);
    expect(connections()).toEqual(before);
    network.oxend.lie = undefined;
    network.newBlock();
    await vi.waitUntil(() => listOf(server).failedRounds === 0, PATIENCE);
    expect(listOf(server)).toMatchObject({ nodes: 12, origin: 'source' });
    expect(listOf(server).failures).toEqual({});
  });

  it.each<{ what: string; lie: () => Lie }>([
    { what: 'each node twice', lie: () => ({ kind: 'duplicates' }) },
    { what: 'nonsense beside the nodes', lie: () => ({ kind: 'nonsense' }) },
    {
      what: 'fields that nobody knows, and others that are none',
      lie: () =>
        changed((list) => {
          for (const state of list.service_node_states)
            Object.assign(state, { swarm_id: 1.5, storage_port: 'x', constructor: null, __proto__: [] });
        }),
    },
  ])('$what is understood as far as it is right', async ({ lie }) => {
    const before = connections();
    network.newBlock();
    network.oxend.lie = lie();
    network.oxend.announce(network.chain.block);
    await vi.waitUntil(() => listOf(server).height === network.chain.block.height, PATIENCE);
    expect(listOf(server)).toMatchObject({ nodes: 12, swarms: 3, origin: 'source' });
    expect(listOf(server).failures).toEqual({});
    await expectPushes(gateways, network, phones);
    expect(connections()).toEqual(before);
    network.oxend.lie = undefined;
  });

  it('a block of the far future does not keep later lists away', async () => {
    network.newBlock();
    network.oxend.lie = changed((list) => (list.height = Number.MAX_SAFE_INTEGER));
    network.oxend.announce(network.chain.block);
    await vi.waitUntil(() => listOf(server).height === Number.MAX_SAFE_INTEGER, PATIENCE);
    network.oxend.lie = undefined;
    const member = await network.add(network.chain.swarmIds[0] ?? 0n);
    await vi.waitUntil(() => listOf(server).nodes === 13, PATIENCE);
    expect(listOf(server).height).toBe(network.chain.block.height);
    await network.remove(member);
    await vi.waitUntil(() => listOf(server).nodes === 12, PATIENCE);
  });

  it('that many nodes are gone is believed when the nodes say so too', async () => {
    const [gone] = network.chain.swarmIds;
    const rest = phones.filter((phone) => network.chain.swarmOf(accountOf(phone)) !== gone);
    const away = network.chain.block.nodes.map((node) => ({ ...node, active: node.swarmId !== gone }));
    const back = network.chain.block.nodes;
    network.chain.next(away);
    await vi.waitUntil(() => listOf(server).nodes === 8, PATIENCE);
    await untilWatched(network, phones);
    await expectPushes(gateways, network, rest);
    network.chain.next(back);
    await vi.waitUntil(() => listOf(server).nodes === 12, PATIENCE);
    await untilWatched(network, phones);
  });
});

describe('a server with', () => {
  let gateways: TestGateways;
  let network: SwarmNetwork;
  let other: SwarmNetwork | undefined;
  let second: Oxend;
  let server: TestServer;

  beforeEach(async () => {
    gateways = await startGateways();
    network = await startNetwork(3);
    second = new Oxend({ chain: network.chain });
    await second.start();
  });
  afterEach(async () => {
    await server.close();
    await Promise.all([gateways.close(), network.close(), second.stop(), other?.close()]);
    other = undefined;
  });

  const start = async (env: Record<string, string>) => {
    server = await TestServer.start({ database: newDatabase(), gateways, env });
  };
  const bothSources = () => ({ NODE_LIST: `${network.oxend.sources.tcp},${second.sources.http}` });

  it('two sources believes neither alone when they disagree, and keeps what it has', async () => {
    await start(bothSources());
    const phones = await subscribePhones(server.onion, network);
    await untilWatched(network, phones);
    network.oxend.lie = { kind: 'share', share: 0.5 };
    network.newBlock();
    await vi.waitUntil(() => Object.values(listOf(server).failures).includes('too-different'), PATIENCE);
    await vi.waitUntil(() => listOf(server).height === network.chain.block.height, PATIENCE);
    expect(listOf(server)).toMatchObject({ nodes: 12, failedRounds: 0 });
    await expectPushes(gateways, network, phones);
  });

  it('a first source that lies from the start finds out by what the nodes say, and asks the next one', async () => {
    network.oxend.lie = { kind: 'share', share: 0.1 };
    await start(bothSources());
    const phones = await subscribePhones(server.onion, network);
    await untilWatched(network, phones);
    expect(listOf(server).nodes).toBe(12);
    await expectPushes(gateways, network, phones);
  });

  it('no source at the start uses the list of the file, says so, and mends it later', async () => {
    await start(network.environment);
    const phones = await subscribePhones(server.onion, network);
    await untilWatched(network, phones);
    await server.app.close();
    network.oxend.trouble = 'fails';
    for (const node of network.nodes) node.subscriptions.clear();
    // The nodes do not help either.
    for (const node of network.nodes) node.lie = { kind: 'text', text: 'nonsense' };
    await server.open();
    await untilWatched(network, phones);
    expect(listOf(server)).toMatchObject({ nodes: 12, origin: 'file' });
    expect(server.log.find('the list of service nodes is the last good one of the file')).toHaveLength(1);
    await expectPushes(gateways, network, phones);
    network.oxend.trouble = undefined;
    network.newBlock();
    await vi.waitUntil(() => listOf(server).origin === 'source', PATIENCE);
    expect(server.log.find('no longer the one of the file')).toHaveLength(1);
  });

  it('no source at the start mends the list of the file by what the nodes say', async () => {
    await start(network.environment);
    const phones = await subscribePhones(server.onion, network);
    await untilWatched(network, phones);
    await server.app.close();
    network.oxend.trouble = 'fails';
    await network.add(network.chain.swarmIds[0] ?? 0n);
    await server.open();
    await vi.waitUntil(() => listOf(server).origin === 'nodes', PATIENCE);
    await untilWatched(network, phones);
    expect(listOf(server).nodes).toBe(13);
  });

  it('a file and a source that says a tenth of it at the start goes on with the file', async () => {
    await start(network.environment);
    const phones = await subscribePhones(server.onion, network);
    await untilWatched(network, phones);
    await server.app.close();
    for (const node of network.nodes) node.subscriptions.clear();
    network.oxend.lie = { kind: 'share', share: 0.1 };
    network.newBlock();
    await server.open();
    await untilWatched(network, phones);
    await vi.waitUntil(() => Object.values(listOf(server).failures).includes('too-different'), PATIENCE);
    await expectPushes(gateways, network, phones);
    expect(listOf(server).nodes).toBe(12);
    network.oxend.lie = undefined;
    network.newBlock();
    await vi.waitUntil(() => listOf(server).origin === 'source', PATIENCE);
  });

  it('the file of another, larger network watches the one that NODE_LIST names, from its first answer on', async () => {
    await start(network.environment);
    await vi.waitUntil(() => listOf(server).nodes === 12, PATIENCE);
    await server.app.close();
    other = await startNetwork(1, 1);
    await server.open(other.environment);
    const phones = await subscribePhones(server.onion, other);
    await untilWatched(other, phones);
    expect(listOf(server)).toMatchObject({ nodes: 1, origin: 'source' });
    expect(listOf(server).failures).toEqual({});
    await expectPushes(gateways, other, phones);
  });
});
