import { afterEach, describe, expect, it } from 'vitest';
import { Chain, type ListedNode } from './chain.js';
import { makeNodeKeys } from './keys.js';
import { encodeReport, makeMessage } from './messages.js';
import { type MonitorFault, StorageNode, type StorageNodeOptions } from './storage-node.js';
import { SpecAccount, SpecClient, watchPart } from './spec-client.js';
import { oxenmqVectors } from './spec-vectors.js';

const SUCCESS = 'd7:successi1ee';
const keys = makeNodeKeys();
const others = makeNodeKeys();
const nodes: StorageNode[] = [];
const clients: SpecClient[] = [];
let clock = 0;

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  for (const node of nodes.splice(0)) node.stop();
});

/** A node of swarm 1, beside which there may be another one. */
async function start(options: Partial<StorageNodeOptions> = {}, otherSwarm?: bigint): Promise<StorageNode> {
  clock = Date.now();
  const chain = new Chain();
  const listed = (own: typeof keys, swarmId: bigint): ListedNode => ({
    ed25519: own.ed25519,
    x25519: own.x25519,
    ip: '127.0.0.1',
    storagePort: 22_021,
    omqPort: 22_020,
    swarmId,
    active: true,
  });
  chain.next([listed(keys, 1n), ...(otherSwarm === undefined ? [] : [listed(others, otherSwarm)])]);
  const node = new StorageNode({ chain, keys, now: () => clock, ...options });
  nodes.push(node);
  await node.start();
  return node;
}

function connect(node: StorageNode, routingId?: string): SpecClient {
  const client = new SpecClient(node.listener.address, node.keys.x25519, routingId);
  clients.push(client);
  return client;
}

async function watch(client: SpecClient, ...items: ReturnType<SpecAccount['watch']>[]): Promise<string> {
  return String(await client.request('monitor.messages', watchPart(...items)));
}

/** The messages that came by the line, each once per notification, by their data. */
async function reports(client: SpecClient): Promise<string[]> {
  await client.greet();
  return client.commands('notify.message').map(([part]) => /1:~\d+:(.*)e$/s.exec(String(part))?.[1] ?? 'no data');
}

const message = (account: SpecAccount, text: string, namespace = 0) =>
  makeMessage(account.id, namespace, Buffer.from(text), { timestamp: clock });

describe('monitor.messages on a real line', () => {
  const { accepted, answers, merging, clock: recordedClock } = oxenmqVectors.monitor_messages;

  it('is answered byte for byte as the real node answered it', async () => {
    const node = await start();
    clock = recordedClock * 1000;
    const client = connect(node);
    for (const { part_hex: part, reply_hex: reply } of [...accepted, ...answers]) {
      const parts = await client.request('monitor.messages', Buffer.from(part, 'hex'));
      expect(parts.map((bytes) => bytes.toString('hex'))).toEqual([reply]);
    }
  });

  it('unites what one line asks for an account, and never narrows it', async () => {
    const node = await start();
    const [client, account] = [connect(node), new SpecAccount()];
    const states: string[] = [];
    for (const [namespaces, data] of [
      [[0, 3], false],
      [[2], true],
      [[0], false],
    ] as const) {
      await watch(client, account.watch(namespaces, data));
      const [held] = node.subscriptions.of(account.id);
      states.push(`05bc7919:${held?.namespaces.join(',')},${held?.data ? 'd' : '-'}`);
    }
    expect(states).toEqual(merging.state);
  });

  it('needs its part', async () => {
    const client = connect(await start());
    expect(String(await client.request('monitor.messages'))).toContain('errcodei1e');
  });
});

describe('notify.message', () => {
  it.each(oxenmqVectors.notify_message)('is written to the byte: $what', ({ frames }) => {
    const recorded = Buffer.from(frames[1], 'hex');
    const [, hash = '', namespace = ''] = /1:h43:(.{43})1:ni(\d+)e/.exec(recorded.toString('latin1')) ?? [];
    const known = {
      account: Buffer.from('05bc79193435bcca8cf781575df873171191200cb7d745b5e5f7a27b1a98f3b965', 'hex'),
      namespace: Number(namespace),
      data: Buffer.from('hello'),
      hash,
      timestamp: 1_735_689_600_123,
      expiry: 1_736_899_200_123,
    };
    expect(encodeReport(known, recorded.includes('1:~'))).toEqual(recorded);
  });

  it('comes once per line, however many subscriptions, to each with what it asked for', async () => {
    const node = await start();
    const account = new SpecAccount();
    const [one, two, other] = [connect(node), connect(node), connect(node)];
    await watch(one, account.watch([0]), account.watch([0, 2]), account.watch([0], false));
    await watch(two, account.watch([0, 3], false));
    await watch(other, account.watch([2]), new SpecAccount().watch([0]));
    expect(await node.store(message(account, 'hello'))).toBe(2);
    expect(await Promise.all([one, two, other].map(reports))).toEqual([['hello'], ['no data'], []]);
  });

  it('is for newly stored messages only', async () => {
    const node = await start();
    const [client, account] = [connect(node), new SpecAccount(3)];
    await watch(client, account.watch([11]));
    await node.store(message(account, 'same', 11));
    await node.store(message(account, 'same', 11));
    await node.store(message(account, 'new', 11));
    expect(await reports(client)).toEqual(['same', 'new']);
  });

  it('ends after 65 minutes unless it is asked for again', async () => {
    const node = await start();
    const [client, account] = [connect(node), new SpecAccount()];
    await watch(client, account.watch());
    clock += 64 * 60_000;
    expect(await node.store(message(account, 'in time'))).toBe(1);
    await watch(client, account.watch());
    clock += 65 * 60_000 + 1;
    expect(await node.store(message(account, 'too late'))).toBe(0);
    expect(node.subscriptions.accounts).toEqual([]);
  });

  it('follows the routing id over a cut line, without what was stored meanwhile', async () => {
    const node = await start();
    const account = new SpecAccount();
    const first = connect(node, 'Lstable');
    await watch(first, account.watch());
    first.close();
    // libzmq tells nobody that a line has gone; until it knows, the node sends into the void.
    while ((await node.report(message(account, 'lost'))) > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const again = connect(node, 'Lstable');
    await again.greet();
    await node.store(message(account, 'found'));
    expect(await reports(again)).toEqual(['found']);
  });

  it('goes to whoever claims the routing id', async () => {
    const node = await start();
    const account = new SpecAccount();
    const owner = connect(node, 'Lstable');
    await watch(owner, account.watch());
    const thief = connect(node, 'Lstable');
    await thief.greet();
    await node.store(message(account, 'secret'));
    expect(await reports(thief)).toEqual(['secret']);
    expect(owner.count('notify.message')).toBe(0);
  });

  it('needs to be asked for again after a restart of the node', async () => {
    const node = await start();
    const [client, account] = [connect(node, 'Lstable'), new SpecAccount()];
    await watch(client, account.watch());
    await node.restart();
    await client.reach();
    expect(await node.store(message(account, 'deaf'))).toBe(0);
    await watch(client, account.watch());
    await node.store(message(account, 'heard'));
    expect(await reports(client)).toEqual(['heard']);
  });

  it('comes late from a member that was behind', async () => {
    const node = await start();
    const [client, account] = [connect(node), new SpecAccount()];
    await watch(client, account.watch());
    node.fallBehind();
    expect(await node.store(message(account, 'late'))).toBeNull();
    expect(await reports(client)).toEqual([]);
    await node.catchUp();
    expect(await reports(client)).toEqual(['late']);
  });
});

describe('accounts of other swarms', () => {
  const far = 2n ** 63n;

  /** One that lies with the far swarm. */
  function foreigner(node: StorageNode, chain = new Chain()): SpecAccount {
    chain.next([
      { ...listedOf(node), swarmId: 1n },
      { ...listedOf(node), swarmId: far },
    ]);
    for (;;) {
      const account = new SpecAccount();
      if (chain.swarmOf(account.id) === far) return account;
    }
  }
  const listedOf = (node: StorageNode): ListedNode => {
    if (!node.listed) throw new Error('not listed');
    return node.listed;
  };

  it('are refused with code 6 and a hint', async () => {
    const node = await start({}, far);
    const answer = await watch(connect(node), foreigner(node).watch());
    expect(answer).toMatch(/^ld7:errcodei6e5:error\d+:.*6:snodesld2:ip9:127\.0\.0\.1.*e5:swarm16:8000000000000000ee$/);
    expect(answer).toContain(others.x25519.toString('hex'));
    expect(node.subscriptions.accounts).toEqual([]);
  });

  it('are taken by older nodes, which never say that they keep nothing for them', async () => {
    const node = await start({ tellsSwarmChanges: false }, far);
    const account = foreigner(node);
    expect(await watch(connect(node), account.watch())).toBe(`l${SUCCESS}e`);
    await node.followSwarms();
    expect(node.subscriptions.accounts).toEqual([account.id]);
  });

  it('are refused with code 7 while there are no swarms', async () => {
    const client = connect(await start({ chain: new Chain() }));
    expect(await watch(client, new SpecAccount().watch())).toContain('errcodei7e');
  });
});

describe('bad days of a node', () => {
  const [account, other] = [new SpecAccount(), new SpecAccount()];

  it.each([1, 2, 3, 4, 5, 6, 7] as const)('answers code %i to every item', async (code) => {
    const node = await start();
    node.faults.next(1, { kind: 'refuse', code });
    const client = connect(node);
    const answer = await watch(client, account.watch(), other.watch());
    expect(answer.match(new RegExp(`d7:errcodei${code}e5:error`, 'g'))).toHaveLength(2);
    expect(node.subscriptions.accounts).toEqual([]);
    expect(await watch(client, account.watch())).toBe(`l${SUCCESS}e`);
  });

  it('refuses one account among others', async () => {
    const node = await start();
    node.faults.next(1, { kind: 'refuse', code: 5, account: other.id });
    const answer = await watch(connect(node), account.watch(), other.watch());
    expect(answer).toMatch(/^ld7:successi1eed7:errcodei5e5:error\d+:[^:]*ee$/);
    expect(node.subscriptions.accounts).toEqual([account.id]);
  });

  it('answers a whole request with one dict', async () => {
    const node = await start();
    node.faults.next(1, { kind: 'refuse', code: 1, whole: true });
    expect(await watch(connect(node), account.watch())).toMatch(/^d7:errcodei1e5:error/);
  });

  it.each([true, false])('answers nothing, with the subscription taken: %s', async (taken) => {
    const node = await start();
    node.faults.forToken(account.id.toString('hex'), { kind: 'silent', taken }, 1);
    const client = connect(node);
    const unanswered = watch(client, account.watch());
    expect(await watch(client, other.watch())).toBe(`l${SUCCESS}e`);
    expect(await Promise.race([unanswered, Promise.resolve('silence')])).toBe('silence');
    expect(node.subscriptions.accounts).toHaveLength(taken ? 2 : 1);
  });

  it.each<[string, MonitorFault & { kind: 'answer' }]>([
    ['garbage', { kind: 'answer', parts: ['garbage'] }],
    ['two parts', { kind: 'answer', parts: ['le', 'le'] }],
    ['none', { kind: 'answer', parts: [] }],
  ])('answers with %s', async (_what, fault) => {
    const node = await start();
    node.faults.all(fault);
    const parts = await connect(node).request('monitor.messages', watchPart(account.watch()));
    expect(parts.map(String)).toEqual(fault.parts);
  });

  it('answers late', async () => {
    const node = await start();
    node.faults.next(1, { kind: 'delay', delayMs: 80 });
    const begin = Date.now();
    await watch(connect(node), account.watch());
    expect(Date.now() - begin).toBeGreaterThanOrEqual(79);
  });

  it('says what nobody asked for, of any size', async () => {
    const node = await start();
    const client = connect(node);
    await client.greet();
    await node.say('REPLY', 'a tag of nobody', 'le');
    await node.say('notify.message', Buffer.alloc(11 * 1024 * 1024));
    await client.until(() => client.count('notify.message') === 1);
    expect(client.commands('REPLY')).toEqual([[Buffer.from('a tag of nobody'), Buffer.from('le')]]);
  });

  it('floods, reports foreign accounts and replays', async () => {
    const node = await start();
    const client = connect(node);
    await watch(client, account.watch());
    await node.store(message(account, 'first'));
    await node.flood({ account: other.id, count: 200, dataBytes: 10 });
    await node.replay();
    await client.until(() => client.count('notify.message') === 202);
    const parts = client.commands('notify.message').map(([part]) => part);
    expect(parts.filter((part) => part?.includes(other.id))).toHaveLength(200);
    expect(parts.at(-1)).toEqual(parts[0]);
  });

  it('has another key', async () => {
    const node = await start();
    const { failedHandshakes } = node.listener.connections;
    await node.changeKeys();
    const client = new SpecClient(node.listener.address, keys.x25519);
    clients.push(client);
    while (node.listener.connections.failedHandshakes === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await connect(node).greet();
    expect([failedHandshakes, client.count('HELLO')]).toEqual([0, 0]);
  });
});

describe('storage.oxend_request', () => {
  it('gives the list, or what the node says instead', async () => {
    const node = await start();
    const client = connect(node);
    const ask = async (request: object) => {
      const parts = await client.request('storage.oxend_request', JSON.stringify(request));
      return parts.map(String);
    };
    const params = { fields: { pubkey_x25519: true } };
    const [answer] = await ask({ endpoint: 'get_service_nodes', params });
    const result = { service_node_states: [{ pubkey_x25519: keys.x25519.toString('hex') }], status: 'OK' };
    expect(JSON.parse(answer ?? '')).toEqual({ result });
    node.lie = { kind: 'empty' };
    expect(await ask({ endpoint: 'get_service_nodes', params })).toEqual([
      '{"result":{"service_node_states":[],"status":"OK"}}',
    ]);
    expect((await ask({ endpoint: 'stop_mining' }))[0]).toBe('400');
  });
});
