import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Chain } from './chain.js';
import { evenIds } from './network.js';
import { type HostedNode, type NodeCounts, type NodeOrder, type Stored, type StorePace } from './node-orders.js';
import { Oxend } from './oxend.js';

const PROGRAM = join(import.meta.dirname, 'nodes.process.ts');

export interface ScaleNetworkOptions {
  readonly swarms: number;
  readonly nodesPerSwarm: number;
  /** Over which the swarms are spread. */
  readonly processes: number;
  /** false = every request is believed, see {@link CountingNode}. */
  readonly verify: boolean;
}

/** A message to store; `account` are the 33 bytes. */
export interface ScaleMessage {
  readonly account: Buffer;
  readonly namespace: number;
  readonly data: Buffer;
}

/** A whole network for benchmarks: thousands of storage nodes in processes of their own, the list in this one. */
export class ScaleNetwork {
  readonly chain = new Chain();
  readonly oxend = new Oxend({ chain: this.chain });
  private hosts: readonly { readonly process: ChildProcess; readonly swarmIds: ReadonlySet<string> }[] = [];

  get environment(): Readonly<Record<'NODE_LIST', string>> {
    return { NODE_LIST: this.oxend.sources.tcp };
  }

  async start({ swarms, nodesPerSwarm, processes, verify }: ScaleNetworkOptions): Promise<void> {
    const ids = evenIds(swarms).map((id) => id.toString(16));
    this.hosts = Array.from({ length: processes }, (_, index) => ({
      process: fork(PROGRAM, { execArgv: ['--import', 'tsx'] }),
      swarmIds: new Set(ids.filter((_id, at) => at % processes === index)),
    }));
    await Promise.all(this.hosts.map(({ process }) => answerOf(process)));
    const opened = await Promise.all(
      this.hosts.map(({ process, swarmIds }) => {
        const hosted = [...swarmIds].map((swarmId) => ({ swarmId, nodes: nodesPerSwarm }));
        return ask<{ nodes: HostedNode[] }>(process, { kind: 'open', swarms: hosted, verify });
      }),
    );
    this.chain.next(opened.flatMap(({ nodes }) => nodes.map(toListed)));
    await this.oxend.start();
  }

  /** Of each process. */
  counts(): Promise<NodeCounts[]> {
    return Promise.all(this.hosts.map(({ process }) => ask<NodeCounts>(process, { kind: 'counts' })));
  }

  /**
   * Stores messages with all members of their swarms, evenly in time. When the members began to report each of them,
   * in the order of the messages.
   */
  async store(messages: readonly ScaleMessage[], { ratePerSecond, dataBytes }: StorePace): Promise<number[]> {
    const placed = messages.map(({ account, namespace, data }, index) => {
      const swarmId = (this.chain.swarmOf(account) ?? 0n).toString(16);
      const message = { swarmId, account: account.toString('hex'), namespace, data: data.toString('hex') };
      return { index, message };
    });
    const storedAt = new Array<number>(messages.length).fill(NaN);
    await Promise.all(
      this.hosts.map(async ({ process, swarmIds }) => {
        const mine = placed.filter(({ message }) => swarmIds.has(message.swarmId));
        if (mine.length === 0) return;
        const rate = (ratePerSecond * mine.length) / messages.length;
        const order = {
          kind: 'store',
          messages: mine.map(({ message }) => message),
          ratePerSecond: rate,
          dataBytes,
        } as const;
        const stored = await ask<Stored>(process, order);
        mine.forEach(({ index }, at) => (storedAt[index] = stored.storedAt[at] ?? NaN));
      }),
    );
    return storedAt;
  }

  async close(): Promise<void> {
    await this.oxend.stop();
    await Promise.all(
      this.hosts.map(async ({ process }) => {
        if (process.exitCode !== null || process.signalCode !== null) return;
        const ended = once(process, 'exit');
        process.kill('SIGKILL');
        await ended;
      }),
    );
  }
}

export async function startScaleNetwork(options: ScaleNetworkOptions): Promise<ScaleNetwork> {
  const network = new ScaleNetwork();
  await network.start(options);
  return network;
}

/** One order at a time. */
function ask<Answer>(process: ChildProcess, order: NodeOrder): Promise<Answer> {
  const answer = answerOf<Answer>(process);
  process.send(order);
  return answer;
}

function answerOf<Answer>(process: ChildProcess): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const ended = () => reject(new Error('a process of storage nodes ended'));
    process.once('exit', ended);
    process.once('message', (message) => {
      process.off('exit', ended);
      resolve(message as Answer);
    });
  });
}

function toListed({ swarmId, ed25519, x25519, port }: HostedNode) {
  return {
    ed25519: Buffer.from(ed25519, 'hex'),
    x25519: Buffer.from(x25519, 'hex'),
    ip: '127.0.0.1',
    storagePort: 22_021,
    omqPort: port,
    swarmId: BigInt(`0x${swarmId}`),
    active: true,
  };
}
