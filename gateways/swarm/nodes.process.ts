// Storage nodes in a process of their own, whose CPU time nobody takes for the server's. Node raises the limit of open
// files to the hard one by itself; a node needs four.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Chain } from './chain.js';
import { CountingNode } from './counting-node.js';
import { makeMessage } from './messages.js';
import { type HostedNode, monotonicMs, type NodeCounts, type NodeOrder, type Stored } from './node-orders.js';
import { StorageNode } from './storage-node.js';

interface Hosted {
  readonly swarmId: string;
  readonly node: CountingNode | StorageNode;
}

let hosted: readonly Hosted[] = [];

process.on('disconnect', () => process.exit());
process.on('message', (order) => {
  void handle(order as NodeOrder).then((answer) => process.send?.(answer));
});
process.send?.({});

function handle(order: NodeOrder): Promise<object> {
  switch (order.kind) {
    case 'open':
      return open(order);
    case 'counts':
      return Promise.resolve(counts());
    case 'store':
      return store(order);
  }
}

async function open({ swarms, verify }: Extract<NodeOrder, { kind: 'open' }>): Promise<{ nodes: HostedNode[] }> {
  const seats = swarms.flatMap(({ swarmId, nodes }) => new Array<string>(nodes).fill(swarmId));
  // The whole list is not known here, so that nobody is told that an account belongs elsewhere.
  const make = () => (verify ? new StorageNode({ chain: new Chain(), tellsSwarmChanges: false }) : new CountingNode());
  hosted = seats.map((swarmId) => ({ swarmId, node: make() }));
  for (const { node } of hosted) await node.listener.listen();
  return {
    nodes: hosted.map(({ swarmId, node: { keys, listener } }) => ({
      swarmId,
      ed25519: keys.ed25519.toString('hex'),
      x25519: keys.x25519.toString('hex'),
      port: listener.port,
    })),
  };
}

function counts(): NodeCounts {
  const listeners = hosted.map(({ node }) => node.listener);
  const sum = (name: 'sent' | 'undelivered') => listeners.reduce((total, { counts: { [name]: n } }) => total + n, 0);
  return {
    confirmed: hosted.map(({ node }) =>
      node instanceof CountingNode ? node.confirmed : node.subscriptions.accounts.length,
    ),
    items: hosted.map(({ node }) => (node instanceof CountingNode ? node.items : 0)),
    lines: listeners.map(({ lines }) => lines.length),
    sent: sum('sent'),
    undelivered: sum('undelivered'),
  };
}

async function store(order: Extract<NodeOrder, { kind: 'store' }>): Promise<Stored> {
  const { messages, ratePerSecond, dataBytes = 0 } = order;
  const members = Map.groupBy(hosted, ({ swarmId }) => swarmId);
  const startedAt = monotonicMs();
  const storedAt: number[] = [];
  for (const [index, { swarmId, account, namespace, data }] of messages.entries()) {
    const early = startedAt + (index * 1000) / ratePerSecond - monotonicMs();
    if (early > 0) await sleep(early);
    const given = Buffer.from(data, 'hex');
    const filled = Buffer.concat([given, randomBytes(Math.max(0, dataBytes - given.length))]);
    const message = makeMessage(Buffer.from(account, 'hex'), namespace, filled);
    storedAt.push(monotonicMs());
    await Promise.all((members.get(swarmId) ?? []).map(({ node }) => node.store(message)));
  }
  return { storedAt };
}
