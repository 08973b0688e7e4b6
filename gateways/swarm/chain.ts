import { randomBytes } from 'node:crypto';
import { NO_SWARM, swarmOf } from './swarm-space.js';

/** A node as the list of service nodes shows it. */
export interface ListedNode {
  readonly ed25519: Buffer;
  readonly x25519: Buffer;
  readonly ip: string;
  /** HTTPS. */
  readonly storagePort: number;
  /** OxenMQ. */
  readonly omqPort: number;
  readonly swarmId: bigint;
  /** false = decommissioned: not in a list of active nodes. */
  readonly active: boolean;
}

/** The list as it is at a block. */
export interface Block {
  readonly height: number;
  /** 32 bytes. */
  readonly hash: Buffer;
  readonly nodes: readonly ListedNode[];
}

const BLOCKS_KEPT = 50;

/** Which nodes there are, block after block. Every change of the list makes a block. */
export class Chain {
  /** In rising order; nodes that are not active make no swarm. */
  swarmIds: readonly bigint[] = [];
  private readonly blocks: Block[] = [{ height: 1000, hash: randomBytes(32), nodes: [] }];
  private byKey = new Map<string, ListedNode>();

  constructor(private readonly onBlock: (block: Block) => void = () => undefined) {}

  get block(): Block {
    return this.before(0);
  }

  /** The list as it was some blocks ago, or at the first block that is remembered. */
  before(blocks: number): Block {
    const block = this.blocks[Math.max(0, this.blocks.length - 1 - blocks)];
    if (!block) throw new Error('a chain without a block');
    return block;
  }

  next(nodes: readonly ListedNode[] = this.block.nodes): Block {
    const block = { height: this.block.height + 1, hash: randomBytes(32), nodes };
    this.blocks.push(block);
    if (this.blocks.length > BLOCKS_KEPT) this.blocks.shift();
    const ids = nodes.flatMap(({ swarmId, active }) => (active && swarmId !== NO_SWARM ? [swarmId] : []));
    this.swarmIds = [...new Set(ids)].toSorted((a, b) => (a < b ? -1 : 1));
    this.byKey = new Map(nodes.map((node) => [node.ed25519.toString('hex'), node]));
    this.onBlock(block);
    return block;
  }

  /** The node with this Ed25519 key. */
  nodeWith(key: Buffer): ListedNode | undefined {
    return this.byKey.get(key.toString('hex'));
  }

  swarmOf(account: Buffer): bigint | null {
    return swarmOf(account, this.swarmIds);
  }

  membersOf(swarmId: bigint): ListedNode[] {
    return this.block.nodes.filter((node) => node.active && node.swarmId === swarmId);
  }
}
