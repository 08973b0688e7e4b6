import { setTimeout as sleep } from 'node:timers/promises';
import { type ScaleMessage, type ScaleNetwork, startScaleNetwork } from '../../gateways/swarm/scale-network.js';
import { SwarmSpace } from '../../src/swarms/wire/swarm-space.protocol.js';
import { accountOf, phoneCountOf, type Subscribers } from '../database/subscribers.js';
import { monotonicMs } from '../measure/clock.js';

const NODES_PER_SWARM = 6;
const PROCESSES = 2;
const LOOK_EVERY_MS = 200;
const STANDS_STILL_AFTER_MS = 60_000;

/** Accounts, and what their phones signed, by swarm. */
interface Told {
  readonly accounts: number;
  readonly items: number;
}

/** What the nodes have been told, in their order. */
interface Counts {
  readonly confirmed: readonly number[];
  readonly items: readonly number[];
}

/** Storage nodes in processes of their own, that know when they have been told everything. */
export class WatchedNetwork {
  private constructor(
    private readonly network: ScaleNetwork,
    readonly swarms: number,
  ) {}

  /** The processes take the place of this one. */
  static async start(swarms: number): Promise<WatchedNetwork> {
    const size = { swarms, nodesPerSwarm: NODES_PER_SWARM, processes: PROCESSES };
    return new WatchedNetwork(await startScaleNetwork({ ...size, verify: false }), swarms);
  }

  get environment(): Readonly<Record<string, string>> {
    return this.network.environment;
  }

  get nodes(): number {
    return this.network.chain.block.nodes.length;
  }

  /** Ends when every node has been told of every account in its swarm since `before`. */
  async toldAll(subscribers: Subscribers, before: Counts): Promise<void> {
    const wanted = this.bySwarm(subscribers);
    const nodes = this.network.chain.block.nodes;
    await this.toldMore((counts) =>
      nodes.every(({ swarmId }, index) => {
        const { accounts, items } = wanted.get(swarmId) ?? { accounts: 0, items: 0 };
        const told = (counts.items[index] ?? 0) - (before.items[index] ?? 0);
        return (counts.confirmed[index] ?? 0) >= accounts && told >= items;
      }),
    );
  }

  /** Ends when the nodes of so many more accounts have been told of them since `before`. */
  toldOf(accounts: number, before: Counts): Promise<void> {
    const least = sum(before.items) + accounts * NODES_PER_SWARM;
    return this.toldMore((counts) => sum(counts.items) >= least);
  }

  async counts(): Promise<Counts> {
    const each = await this.network.counts();
    return {
      confirmed: each.flatMap(({ confirmed }) => confirmed),
      items: each.flatMap(({ items }) => items),
    };
  }

  /** Stores a message for each of the accounts; when its nodes began to report it. */
  store(accounts: readonly number[], ratePerSecond: number, dataBytes: number): Promise<number[]> {
    const messages = accounts.map((number): ScaleMessage => {
      return { account: accountOf(number), namespace: 0, data: Buffer.from(`message for ${number} `) };
    });
    return this.network.store(messages, { ratePerSecond, dataBytes });
  }

  close(): Promise<void> {
    return this.network.close();
  }

  private async toldMore(isEnough: (counts: Counts) => boolean): Promise<void> {
    let last = -1;
    let movedAt = monotonicMs();
    for (;;) {
      const counts = await this.counts();
      if (isEnough(counts)) return;
      const items = sum(counts.items);
      if (items !== last) movedAt = monotonicMs();
      else if (monotonicMs() - movedAt > STANDS_STILL_AFTER_MS)
        throw new Error(`nodes are told nothing any more, after ${items} items`);
      last = items;
      await sleep(LOOK_EVERY_MS);
    }
  }

  private bySwarm({ accounts }: Subscribers): ReadonlyMap<bigint, Told> {
    const space = new SwarmSpace(this.network.chain.swarmIds);
    const told = new Map<bigint, Told>();
    for (let number = 0; number < accounts; number++) {
      const swarmId = space.swarmOf(accountOf(number)) ?? 0n;
      const before = told.get(swarmId) ?? { accounts: 0, items: 0 };
      told.set(swarmId, { accounts: before.accounts + 1, items: before.items + phoneCountOf(number) });
    }
    return told;
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
