import { afterEach, describe, expect, it } from 'vitest';
import { type Member, startSwarmNetwork, type SwarmNetwork, type SwarmNetworkOptions } from './network.js';
import { SpecAccount, SpecClient, watchPart } from './spec-client.js';

const clients: SpecClient[] = [];
let network: SwarmNetwork;

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await network.close();
});

async function start(options: SwarmNetworkOptions = {}): Promise<void> {
  network = await startSwarmNetwork(options);
}

function connect({ proxy, node }: Member): SpecClient {
  const client = new SpecClient(`tcp://127.0.0.1:${proxy.port}`, node.keys.x25519, 'Lserver');
  clients.push(client);
  return client;
}

async function watch(client: SpecClient, account: SpecAccount): Promise<string> {
  return String(await client.request('monitor.messages', watchPart(account.watch())));
}

/** An account whose swarm this is. */
function accountIn(swarmId: bigint): SpecAccount {
  for (;;) {
    const account = new SpecAccount();
    if (network.chain.swarmOf(account.id) === swarmId) return account;
  }
}

const firstSwarm = (): bigint => network.chain.swarmIds[0] ?? 0n;

describe('a network', () => {
  it('is three swarms of three nodes that the list leads to', async () => {
    await start();
    const oxend = new SpecClient(network.environment.NODE_LIST, null);
    clients.push(oxend);
    const [, text] = await oxend.request('rpc.get_service_nodes', '{"active_only":true}');
    const { service_node_states: states } = JSON.parse(String(text)) as {
      service_node_states: { pubkey_x25519: string; public_ip: string; storage_lmq_port: number; swarm: string }[];
    };
    expect(new Set(states.map(({ swarm }) => swarm)).size).toBe(3);
    for (const { pubkey_x25519: key, public_ip: ip, storage_lmq_port: port } of states) {
      const client = new SpecClient(`tcp://${ip}:${port}`, Buffer.from(key, 'hex'));
      clients.push(client);
      await client.greet();
    }
    expect(states).toHaveLength(9);
  });

  it('reports a stored message by every member of the swarm of its account, and by nobody else', async () => {
    await start();
    const account = new SpecAccount();
    const mine = network.membersOf(account.id);
    const lines = network.members.map(connect);
    const answers = await Promise.all(lines.map((client) => watch(client, account)));
    expect(answers.filter((answer) => answer.includes('success'))).toHaveLength(3);
    const hash = await network.store(account.id, 0, Buffer.from('hello'));
    expect(hash).toMatch(/^[A-Za-z0-9+/]{43}$/);
    await Promise.all(lines.map((client) => client.greet()));
    const told = lines.map((client) => client.count('notify.message'));
    expect(told).toEqual(network.members.map((member) => (mine.includes(member) ? 1 : 0)));
    expect(await network.store(account.id, 0, Buffer.from('hello'))).toBe(hash);
    await lines[network.members.indexOf(mine[0] as Member)]?.greet();
    expect(lines.reduce((sum, client) => sum + client.count('notify.message'), 0)).toBe(3);
  });

  it('goes on without a member, which reports late what it missed', async () => {
    await start({ swarms: 1, nodesPerSwarm: 2 });
    const account = new SpecAccount();
    const [away, there] = network.members as [Member, Member];
    const [late, line] = [connect(away), connect(there)];
    await Promise.all([watch(late, account), watch(line, account)]);
    away.node.stop();
    await network.store(account.id, 0, Buffer.from('missed'));
    await line.until(() => line.count('notify.message') === 1);
    await away.node.start();
    await late.reach();
    await watch(late, account);
    await away.node.catchUp();
    await late.until(() => late.count('notify.message') === 1);
    expect(late.commands('notify.message')).toEqual(line.commands('notify.message'));
  });

  it('tells who waits for an account that has gone to the other half of a split swarm', async () => {
    await start({ swarms: 1, nodesPerSwarm: 4, swarmIds: [2n ** 62n] });
    const far = 3n * 2n ** 62n;
    const accounts = Array.from({ length: 20 }, () => new SpecAccount());
    const lines = network.members.map(connect);
    for (const client of lines) for (const account of accounts) await watch(client, account);
    expect(await network.split(firstSwarm(), far)).toBe(far);
    expect(network.membersOfSwarm(far)).toHaveLength(2);
    const leaving = accounts.filter(({ id }) => network.chain.swarmOf(id) === far).length;
    expect(leaving).toBeGreaterThan(0);
    await Promise.all(lines.map((client) => client.greet()));
    const ended = lines.map((client) => client.count('notify.monitor_ended'));
    expect(ended).toEqual(network.members.map(({ node }) => (node.listed?.swarmId === far ? 20 - leaving : leaving)));
    const [part] = lines.flatMap((client) => client.commands('notify.monitor_ended')).map(String);
    expect(part).toMatch(/^d1:@33:.*7:errcodei6e5:error.*6:snodesl.*e5:swarm16:[0-9a-f]{16}e$/s);
  });

  it('says nothing when its nodes are old', async () => {
    await start({ swarms: 2, nodesPerSwarm: 1, tellsSwarmChanges: false });
    const [first = 0n, second = 0n] = network.chain.swarmIds;
    const account = accountIn(first);
    const client = connect(network.membersOf(account.id)[0] as Member);
    await watch(client, account);
    await network.merge(first, second);
    expect(network.chain.swarmIds).toEqual([second]);
    await client.greet();
    expect(client.count('notify.monitor_ended')).toBe(0);
  });

  it('makes a block of every change, which oxend announces', async () => {
    await start({ swarms: 2, nodesPerSwarm: 1 });
    const oxend = new SpecClient(network.environment.NODE_LIST, null);
    clients.push(oxend);
    await oxend.request('sub.block');
    const [first, second] = network.members as [Member, Member];
    const before = network.chain.block.height;
    const oldPort = first.proxy.port;
    await network.changeAddress(first);
    await network.changeKeys(first);
    await network.move(second, firstSwarm());
    await network.setActive(second, false);
    const third = await network.add(7n);
    await network.remove(first);
    network.newBlock();
    await oxend.until(() => oxend.count('notify.block') === 7);
    expect(network.chain.block.height).toBe(before + 7);
    expect(first.proxy.port).not.toBe(oldPort);
    expect(network.chain.swarmIds).toEqual([7n]);
    await connect(third).greet();
    await connect(second).greet();
  });

  it('has a node whose key is not the one of the list', async () => {
    await start({ swarms: 1, nodesPerSwarm: 1 });
    const [member] = network.members as [Member];
    const listed = member.node.keys.x25519;
    await network.changeKeys(member, { listed: false });
    expect(member.node.listed?.x25519).toEqual(listed);
    expect(member.node.keys.x25519).not.toEqual(listed);
    await connect(member).greet();
  });

  it('finds a member by its key', async () => {
    await start({ swarms: 1, nodesPerSwarm: 2 });
    const [, member] = network.members;
    expect(network.memberWithKey(member?.node.keys.x25519.toString('hex') ?? '')).toBe(member);
    expect(network.memberWithKey('00')).toBeUndefined();
  });
});
