import { btDict, type BtValue } from './bt.js';
import { type ListedNode } from './chain.js';
import { NO_SWARM } from './swarm-space.js';

/** Where a node says that an account belongs. */
export interface SwarmHint {
  readonly swarmId: bigint | null;
  readonly members: readonly ListedNode[];
}

/** The entries `snodes` and `swarm` (16 hexadecimal digits) of a refusal with code 6. */
export function swarmFields({ swarmId, members }: SwarmHint): Record<'snodes' | 'swarm', BtValue> {
  return {
    snodes: members.map((node) =>
      btDict({
        ip: node.ip,
        port_https: node.storagePort,
        port_omq: node.omqPort,
        pubkey_ed25519: node.ed25519.toString('hex'),
        pubkey_x25519: node.x25519.toString('hex'),
      }),
    ),
    swarm: (swarmId ?? NO_SWARM).toString(16).padStart(16, '0'),
  };
}
