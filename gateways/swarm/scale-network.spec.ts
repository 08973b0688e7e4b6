import { afterEach, describe, expect, it } from 'vitest';
import { type ScaleNetwork, startScaleNetwork } from './scale-network.js';
import { SpecAccount, SpecClient, watchPart } from './spec-client.js';

const clients: SpecClient[] = [];
let network: ScaleNetwork;

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await network.close();
});

async function connectAll(): Promise<SpecClient[]> {
  const lines = network.chain.block.nodes.map(
    ({ ip, omqPort, x25519 }) => new SpecClient(`tcp://${ip}:${omqPort}`, x25519),
  );
  clients.push(...lines);
  await Promise.all(lines.map((client) => client.greet()));
  return lines;
}

describe('a network in processes of its own', () => {
  it('believes every request, counts accounts and stores at a rate', async () => {
    network = await startScaleNetwork({ swarms: 4, nodesPerSwarm: 2, processes: 2, verify: false });
    expect(network.chain.block.nodes).toHaveLength(8);
    expect(network.environment.NODE_LIST).toMatch(/^tcp:/);
    const lines = await connectAll();
    const accounts = Array.from({ length: 5 }, (_, n) => new SpecAccount(n % 2 === 0 ? 5 : 3));
    const part = watchPart(...accounts.map((account) => account.watch([0], true, 1)));
    for (const client of lines)
      expect(String(await client.request('monitor.messages', part))).toMatch(/^l(d7.*?e){5}e$/);
    const before = await network.counts();
    expect(before.flatMap(({ confirmed }) => confirmed)).toEqual(new Array(8).fill(5));
    expect(before.flatMap(({ items, lines: open }) => [...items, ...open])).toEqual([
      ...[5, 5, 5, 5, 1, 1, 1, 1],
      ...[5, 5, 5, 5, 1, 1, 1, 1],
    ]);

    const messages = accounts.map(({ id }, n) => ({ account: id, namespace: 0, data: Buffer.from(`message ${n}`) }));
    const storedAt = await network.store(messages, { ratePerSecond: 100, dataBytes: 2500 });
    expect(storedAt.every((at) => at > 0)).toBe(true);
    await Promise.all(lines.map((client) => client.greet()));
    const parts = lines.flatMap((client) => client.commands('notify.message')).map(String);
    expect(parts.filter((part) => part.includes('1:~2500:message '))).toHaveLength(10);
    const after = await network.counts();
    expect(after.reduce((sum, { undelivered }) => sum + undelivered, 0)).toBe(0);
  });

  it('may verify instead, and reports only what was asked for', async () => {
    network = await startScaleNetwork({ swarms: 1, nodesPerSwarm: 2, processes: 1, verify: true });
    const [first, second] = (await connectAll()) as [SpecClient, SpecClient];
    const account = new SpecAccount();
    const stale = watchPart(account.watch([0], true, 1));
    expect(String(await first.request('monitor.messages', stale))).toContain('errcodei4e');
    await second.request('monitor.messages', watchPart(account.watch()));
    await network.store([{ account: account.id, namespace: 0, data: Buffer.from('x') }], { ratePerSecond: 10 });
    await second.until(() => second.count('notify.message') === 1);
    expect((await network.counts()).map(({ confirmed }) => confirmed)).toEqual([[0, 1]]);
  });
});
