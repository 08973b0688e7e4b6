import { randomBytes } from 'node:crypto';
import { type Identity } from '../certificates.js';
import { Chain, type ListedNode } from './chain.js';
import { makeNodeKeys } from './keys.js';
import { makeMessage, type MessageDetails, type StoredMessage } from './messages.js';
import { Oxend } from './oxend.js';
import { StorageNode } from './storage-node.js';
import { TcpProxy } from './tcp-proxy.js';

export interface SwarmNetworkOptions {
  readonly swarms?: number;
  readonly nodesPerSwarm?: number;
  /** The ids of the swarms instead of ones that lie evenly. */
  readonly swarmIds?: readonly bigint[];
  /** Of the nodes' keys, 32 bytes each, in the order of the nodes; those for whom there is none get new keys. */
  readonly nodeSeeds?: readonly Buffer[];
  readonly subscriptionMs?: number;
  readonly tellsSwarmChanges?: boolean;
  readonly queueLimit?: number;
  /** Of the oxend's plain listener; 0 = any free one. */
  readonly port?: number;
  readonly ipcPath?: string;
  /** For JSON-RPC over https. */
  readonly identity?: Identity;
  readonly onStore?: (message: StoredMessage, swarmId: bigint) => void;
}

/** A node of the network and the proxy in front of it, whose port the list gives. */
export interface Member {
  readonly node: StorageNode;
  readonly proxy: TcpProxy;
}

/** A Session network on the loopback: an oxend, and swarms of storage nodes that keep messages and tell who asked. */
export class SwarmNetwork {
  readonly chain = new Chain((block) => this.oxend.announce(block));
  readonly oxend: Oxend;
  private all: Member[] = [];

  constructor(private readonly options: SwarmNetworkOptions) {
    const { port, ipcPath, identity } = options;
    this.oxend = new Oxend({ chain: this.chain, port, ipcPath, identity });
  }

  /** The variables that lead a server here. */
  get environment(): Readonly<Record<'NODE_LIST', string>> {
    return { NODE_LIST: this.oxend.sources.tcp };
  }

  get members(): readonly Member[] {
    return this.all;
  }

  get nodes(): readonly StorageNode[] {
    return this.all.map(({ node }) => node);
  }

  async start(): Promise<void> {
    const ids = this.options.swarmIds ?? evenIds(this.options.swarms ?? 3);
    const seats = ids.flatMap((id) => new Array<bigint>(this.options.nodesPerSwarm ?? 3).fill(id));
    const members = await Promise.all(seats.map((_, index) => this.makeMember(this.options.nodeSeeds?.[index])));
    this.all = members;
    this.chain.next(members.map((member, index) => listed(member, seats[index] ?? 0n)));
    await this.oxend.start();
  }

  /** The members of the swarm that keeps an account (33 bytes). */
  membersOf(account: Buffer): Member[] {
    return this.membersOfSwarm(this.chain.swarmOf(account));
  }

  membersOfSwarm(swarmId: bigint | null): Member[] {
    return this.all.filter(({ node }) => node.listed?.active && node.listed.swarmId === swarmId);
  }

  /** The member whose X25519 key this is, in hexadecimal; undefined = there is none. */
  memberWithKey(key: string): Member | undefined {
    return this.all.find(({ node }) => node.keys.x25519.toString('hex') === key);
  }

  /** Stores a message with every member of the account's swarm; each tells those who asked it. Returns its hash. */
  async store(account: Buffer, namespace: number, data: Buffer, details: MessageDetails = {}): Promise<string> {
    const { hash } = await this.storeAndCount(account, namespace, data, details);
    return hash;
  }

  /** As {@link store}; `told` = reports that went out, of all members together. */
  async storeAndCount(
    account: Buffer,
    namespace: number,
    data: Buffer,
    details: MessageDetails = {},
  ): Promise<{ hash: string; told: number }> {
    const swarmId = this.chain.swarmOf(account);
    if (swarmId === null) throw new Error('the network has no swarm');
    const message = makeMessage(account, namespace, data, details);
    const told = await Promise.all(this.membersOfSwarm(swarmId).map(({ node }) => node.store(message)));
    this.options.onStore?.(message, swarmId);
    return { hash: message.hash, told: told.reduce<number>((sum, count) => sum + (count ?? 0), 0) };
  }

  /** A block without a change. */
  newBlock(): void {
    this.chain.next();
  }

  /** Every second member of a swarm leaves for a new one; returns its id. */
  async split(swarmId: bigint, newId: bigint = randomBytes(8).readBigUInt64BE() >> 1n): Promise<bigint> {
    const leaving = new Set<Member | undefined>(this.membersOfSwarm(swarmId).filter((_, index) => index % 2 === 1));
    await this.change((node, member) => (leaving.has(member) ? { ...node, swarmId: newId } : node));
    return newId;
  }

  /** The members of a swarm join another one, and theirs is no more. */
  merge(from: bigint, into: bigint): Promise<void> {
    return this.change((node) => (node.swarmId === from ? { ...node, swarmId: into } : node));
  }

  move(member: Member, swarmId: bigint): Promise<void> {
    return this.change((node, one) => (one === member ? { ...node, swarmId } : node));
  }

  /** In the list of active nodes, or decommissioned. */
  setActive(member: Member, active: boolean): Promise<void> {
    return this.change((node, one) => (one === member ? { ...node, active } : node));
  }

  async add(swarmId: bigint): Promise<Member> {
    const member = await this.makeMember();
    this.all.push(member);
    this.chain.next([...this.chain.block.nodes, listed(member, swarmId)]);
    await this.follow();
    return member;
  }

  async remove(member: Member): Promise<void> {
    const { ed25519 } = member.node.keys;
    this.all = this.all.filter((one) => one !== member);
    this.chain.next(this.chain.block.nodes.filter((node) => !node.ed25519.equals(ed25519)));
    await closeMember(member);
    await this.follow();
  }

  /** The node goes to another machine: the old port leads nowhere, the list has the new one. */
  async changeAddress(member: Member): Promise<void> {
    await member.proxy.close();
    member.proxy.port = 0;
    await member.node.moveTo();
    await member.proxy.listen();
    await this.change((node, one) => (one === member ? { ...node, omqPort: member.proxy.port } : node));
  }

  /** The node has other keys; with `listed` false nobody is told, so that it is a node with a wrong key. */
  async changeKeys(member: Member, { listed: tell = true } = {}): Promise<void> {
    const { swarmId = 0n } = member.node.listed ?? {};
    const { ed25519 } = member.node.keys;
    if (!tell) {
      const keys = makeNodeKeys();
      // The list goes on naming it by the key that it had.
      return member.node.changeKeys({ ...keys, ed25519 });
    }
    await member.node.changeKeys();
    const others = this.chain.block.nodes.filter((node) => !node.ed25519.equals(ed25519));
    this.chain.next([...others, listed(member, swarmId)]);
    await this.follow();
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map(closeMember));
    await this.oxend.stop();
  }

  private async makeMember(seed?: Buffer): Promise<Member> {
    const { subscriptionMs, tellsSwarmChanges, queueLimit } = this.options;
    const keys = makeNodeKeys(seed);
    const node = new StorageNode({ chain: this.chain, keys, subscriptionMs, tellsSwarmChanges, queueLimit });
    await node.start();
    const proxy = new TcpProxy(() => node.port);
    await proxy.listen();
    return { node, proxy };
  }

  private async change(edit: (node: ListedNode, member: Member | undefined) => ListedNode): Promise<void> {
    const memberOf = (listedNode: ListedNode) =>
      this.all.find(({ node }) => node.keys.ed25519.equals(listedNode.ed25519));
    this.chain.next(this.chain.block.nodes.map((node) => edit(node, memberOf(node))));
    await this.follow();
  }

  private async follow(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.followSwarms()));
  }
}

export async function startSwarmNetwork(options: SwarmNetworkOptions = {}): Promise<SwarmNetwork> {
  const network = new SwarmNetwork(options);
  await network.start();
  return network;
}

/** Evenly over the ring, none of them 0 or the id that means "none". */
export function evenIds(count: number): bigint[] {
  return Array.from({ length: count }, (_, index) => ((2n * BigInt(index) + 1n) * 2n ** 63n) / BigInt(count));
}

async function closeMember({ node, proxy }: Member): Promise<void> {
  node.stop();
  await proxy.close();
}

function listed({ node, proxy }: Member, swarmId: bigint): ListedNode {
  const { ed25519, x25519 } = node.keys;
  return { ed25519, x25519, ip: '127.0.0.1', storagePort: 22_021, omqPort: proxy.port, swarmId, active: true };
}
