/** What the process of `nodes.process.ts` is told, and says. Bytes are hexadecimal, so that any channel carries them. */
export type NodeOrder =
  /** Once, before anything else. Whole swarms only: a message is stored by the nodes of its swarm that live here. */
  | { readonly kind: 'open'; readonly swarms: readonly HostedSwarm[]; readonly verify: boolean }
  | { readonly kind: 'counts' }
  /** One after the other, evenly in time; answered when all are stored. */
  | ({ readonly kind: 'store'; readonly messages: readonly HostedMessage[] } & StorePace);

export interface StorePace {
  readonly ratePerSecond: number;
  /** What is shorter is filled up with random bytes, which need not travel between processes. */
  readonly dataBytes?: number;
}

export interface HostedSwarm {
  readonly swarmId: string;
  readonly nodes: number;
}

export interface HostedMessage {
  readonly swarmId: string;
  /** 33 bytes. */
  readonly account: string;
  readonly namespace: number;
  readonly data: string;
}

export interface HostedNode {
  readonly swarmId: string;
  readonly ed25519: string;
  readonly x25519: string;
  readonly port: number;
}

/** In the order of the nodes. */
export interface NodeCounts {
  /** Distinct accounts that a node was told to watch. */
  readonly confirmed: readonly number[];
  /** Items of requests, those asked for again included; 0 where signatures are verified. */
  readonly items: readonly number[];
  /** Who is connected. */
  readonly lines: readonly number[];
  readonly sent: number;
  readonly undelivered: number;
}

/** Monotonic milliseconds, comparable between processes of a machine, when the members began to report each message. */
export interface Stored {
  readonly storedAt: readonly number[];
}

/** `process.hrtime` in milliseconds. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
