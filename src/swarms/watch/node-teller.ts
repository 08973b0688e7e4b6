import {
  decodeMonitorAnswer,
  encodeMonitorAccount,
  encodeMonitorRequest,
  type MonitorResult,
  type SignedAccount,
} from '../wire/monitor-request.protocol.js';
import { type NodeLine } from '../lines/node-lines.js';

/** Accounts and the request that tells a node of them: encoded once, for all nodes of a swarm. */
export interface Batch {
  /** One for each signature; those of one account are next to each other. */
  readonly accounts: readonly SignedAccount[];
  /** How many accounts they are. */
  readonly size: number;
  readonly part: Buffer;
}

/** A node checks some 5,500 signatures a second. */
export const BATCH_SIZE = 1000;

export function toBatch(accounts: readonly SignedAccount[]): Batch {
  const part = encodeMonitorRequest(accounts.map(encodeMonitorAccount));
  return { accounts, size: countAccounts(accounts, () => true), part };
}

/** Of how many accounts a node watches at least one signature: by any of them it reports what comes for the account. */
export function countWatched({ accounts }: Batch, results: readonly MonitorResult[]): number {
  return countAccounts(accounts, (index) => results[index] === 'watched');
}

function countAccounts(signed: readonly SignedAccount[], counts: (index: number) => boolean): number {
  let count = 0;
  let last: Buffer | undefined;
  signed.forEach(({ account }, index) => {
    if (!counts(index) || last?.equals(account)) return;
    last = account;
    count++;
  });
  return count;
}

/** Time for the node's queue, the signatures, and the way. */
const DEADLINE_MS = 30_000;
/** With this many batches waiting, further ones are dropped: the node is told all accounts when it has caught up. */
const MAX_WAITING = 4;

/** Tells one node of accounts: one request at a time, because a node drops without a word what its queue cannot take. */
export class NodeTeller {
  private tail: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  constructor(
    readonly line: NodeLine,
    private readonly deadlineMs = DEADLINE_MS,
  ) {}

  /** What the node says about each account, in their order; null = it did not say it. Never rejects. */
  tell(batch: Batch, deadlineMs = this.deadlineMs): Promise<MonitorResult[] | null> {
    if (this.waiting >= MAX_WAITING) return Promise.resolve(null);
    this.waiting++;
    const told = this.tail.then(() => this.request(batch, deadlineMs));
    this.tail = told;
    return told.finally(() => this.waiting--);
  }

  private async request({ accounts, part }: Batch, deadlineMs: number): Promise<MonitorResult[] | null> {
    const answer = await this.line.request('monitor.messages', [part], deadlineMs);
    return answer.kind === 'reply' ? decodeMonitorAnswer(answer.parts, accounts.length) : null;
  }
}
