import {
  type ConnectionEnd,
  type ConnectionTuning,
  DEFAULT_CONNECTION_TUNING,
  NodeConnection,
  type OwnKeys,
  type RequestAnswer,
} from './node-connection.js';
import { knockAt } from './node-knock.js';
import { type StorageNode } from '../wire/node-list.protocol.js';

export interface LinesTuning {
  readonly connection: ConnectionTuning;
  /** How long to wait after the first, second, ... failure; the last repeats. */
  readonly retryMs: readonly number[];
  /** After the loss of a connection that had held. */
  readonly afterLossMs: number;
  /** A connection that is lost sooner counts as a failure. */
  readonly heldMs: number;
  /** Between one try and the next a node is looked for so often. */
  readonly knockMs: number;
  readonly knockTimeoutMs: number;
  /** Connections on their way at a time, knocks included. */
  readonly maxConnecting: number;
}

export const DEFAULT_LINES_TUNING: LinesTuning = {
  connection: DEFAULT_CONNECTION_TUNING,
  retryMs: [10_000, 30_000, 60_000, 120_000],
  afterLossMs: 1000,
  heldMs: 30_000,
  knockMs: 35_000,
  knockTimeoutMs: 5000,
  maxConnecting: 100,
};

export interface LinesListener {
  opened(line: NodeLine): void;
  command(line: NodeLine, name: string, parts: Buffer[]): Promise<void> | void;
  /** The node sent a message that needs no answer. */
  unasked(line: NodeLine): void;
  /** A node that failed at once the last time is connected, on trial: whether it does now what it is wanted for. Never rejects. */
  isOfUse(line: NodeLine): Promise<boolean>;
  /** It was open and is not any more. */
  lost(line: NodeLine): void;
}

/** A random part of the wait, so that what failed together does not come again together. */
const SPREAD = 0.2;

/** The line to one node that is wanted: at most one connection at a time, made again whenever it ends. */
export class NodeLine {
  connection: NodeConnection | null = null;
  callOffKnock: (() => void) | null = null;
  /** When it is to be connected again, in monotonic milliseconds. */
  retryAt = 0;
  /** How it is looked for until the next try: one that was not there, or one that was and failed at once. */
  between: 'knock' | 'trial' | null = null;
  /** Its next turn is that, not yet a try. */
  isBetweenNext = false;
  /** It stood a knock or a trial since the last try. */
  hasStood = false;
  /** Connected to see whether it is of use; nobody but who judges that is told. */
  isOnTrial = false;
  timer: NodeJS.Timeout | undefined;
  openedAt: number | null = null;
  failures = 0;
  lastEnd: ConnectionEnd | null = null;

  /** @param node as the list has it now */
  constructor(public node: StorageNode) {}

  get isOpen(): boolean {
    return !this.isOnTrial && (this.connection?.isOpen ?? false);
  }

  request(name: string, parts: readonly Buffer[], deadlineMs: number): Promise<RequestAnswer> {
    return this.connection?.request(name, parts, deadlineMs) ?? Promise.resolve({ kind: 'gone' });
  }
}

/**
 * Keeps one connection to each node that is wanted.
 *
 * What fails is tried again at a pace that grows, and of all nodes only so many are being connected at a time: neither a node
 * that is gone nor a network that comes back makes this spin. Between two tries a node that was away is knocked at, and one that was there and
 * failed at once is put on trial: connected, and asked for little. So it is noticed within a minute when it is of use again, however long it was not.
 */
export class NodeLines {
  private readonly lines = new Map<string, NodeLine>();
  /** Those whose time has come and that wait for a free place. */
  private readonly due = new Set<NodeLine>();
  private readonly connecting = new Set<NodeLine>();
  private readonly endCounts = new Map<ConnectionEnd, number>();

  constructor(
    private readonly own: OwnKeys,
    private readonly listener: LinesListener,
    private readonly tuning: LinesTuning = DEFAULT_LINES_TUNING,
  ) {}

  get(id: string): NodeLine | undefined {
    return this.lines.get(id);
  }

  get all(): Iterable<NodeLine> {
    return this.lines.values();
  }

  /** How connections ended that we did not close. */
  get ends(): ReadonlyMap<ConnectionEnd, number> {
    return this.endCounts;
  }

  /** Connects those that are new or listen elsewhere now, and leaves those that are not named any more. */
  want(nodes: Iterable<StorageNode>): void {
    const wanted = new Map([...nodes].map((node) => [node.id, node]));
    for (const line of [...this.lines.values()]) {
      const node = wanted.get(line.node.id);
      if (node?.host !== line.node.host || node.port !== line.node.port) this.drop(line);
      // It may be in another swarm now.
      else line.node = node;
    }
    for (const node of wanted.values()) if (!this.lines.has(node.id)) this.add(node);
    this.connectDue();
  }

  /** Ends the connection and comes back after `ms`: for a node that is connected and of no use. */
  rest(line: NodeLine, ms: number): void {
    if (this.lines.get(line.node.id) !== line) return;
    this.drop(line);
    const again = new NodeLine(line.node);
    this.lines.set(line.node.id, again);
    this.later(again, ms);
  }

  close(): void {
    for (const line of [...this.lines.values()]) this.drop(line);
  }

  private add(node: StorageNode): void {
    const line = new NodeLine(node);
    this.lines.set(node.id, line);
    this.due.add(line);
  }

  private drop(line: NodeLine): void {
    this.lines.delete(line.node.id);
    this.due.delete(line);
    this.connecting.delete(line);
    clearTimeout(line.timer);
    line.callOffKnock?.();
    const { connection, isOpen } = line;
    line.connection = null;
    connection?.close();
    if (isOpen) this.listener.lost(line);
  }

  private connectDue(): void {
    for (const line of this.due) {
      if (this.connecting.size >= this.tuning.maxConnecting) return;
      this.due.delete(line);
      this.connecting.add(line);
      if (line.isBetweenNext && line.between === 'knock') {
        this.knock(line);
      } else {
        line.isOnTrial = line.isBetweenNext;
        this.connect(line);
      }
    }
  }

  private knock(line: NodeLine): void {
    line.callOffKnock = knockAt(line.node, this.own, this.tuning.knockTimeoutMs, (isThere) => {
      line.callOffKnock = null;
      line.hasStood = isThere;
      if (isThere) return this.connect(line);
      this.connecting.delete(line);
      this.wait(line);
      this.connectDue();
    });
  }

  private connect(line: NodeLine): void {
    const { id, host, port } = line.node;
    const connection = new NodeConnection(
      { address: { kind: 'tcp', host, port }, key: Buffer.from(id, 'hex') },
      this.own,
      {
        opened: () => this.onOpened(line),
        command: (name, parts) => this.listener.command(line, name, parts),
        unasked: () => this.listener.unasked(line),
        ended: (reason) => {
          if (line.connection === connection) this.onEnded(line, reason);
        },
      },
      this.tuning.connection,
    );
    line.connection = connection;
    connection.open();
  }

  private onOpened(line: NodeLine): void {
    this.connecting.delete(line);
    if (line.isOnTrial) void this.judge(line);
    else this.announce(line);
    this.connectDue();
  }

  private announce(line: NodeLine): void {
    line.openedAt = performance.now();
    this.listener.opened(line);
  }

  private async judge(line: NodeLine): Promise<void> {
    const { connection } = line;
    const isOfUse = await this.listener.isOfUse(line);
    // It failed meanwhile, or nobody wants it any more.
    if (line.connection !== connection) return;
    if (isOfUse) {
      line.isOnTrial = false;
      line.hasStood = true;
      this.announce(line);
    } else {
      connection?.close();
    }
  }

  private onEnded(line: NodeLine, reason: ConnectionEnd): void {
    const { openedAt, connection, isOnTrial } = line;
    this.connecting.delete(line);
    line.connection = null;
    line.openedAt = null;
    line.isOnTrial = false;
    if (reason !== 'closed') {
      this.endCounts.set(reason, (this.endCounts.get(reason) ?? 0) + 1);
      line.lastEnd = reason;
    }
    // One that stands knocks and trials and nothing more is not looked for more often than its tries.
    line.between = reason === 'bad-key' || line.hasStood ? null : connection?.hasBeenThere ? 'trial' : 'knock';
    line.hasStood = false;
    if (isOnTrial) {
      this.wait(line);
      this.connectDue();
      return;
    }
    const held = openedAt !== null && performance.now() - openedAt >= this.tuning.heldMs;
    if (held) line.failures = 0;
    else line.failures++;
    this.later(line, held ? this.tuning.afterLossMs : this.waitOf(line.failures));
    if (openedAt !== null) this.listener.lost(line);
    this.connectDue();
  }

  private waitOf(failures: number): number {
    const { retryMs } = this.tuning;
    return retryMs[Math.min(failures, retryMs.length) - 1] ?? 0;
  }

  private later(line: NodeLine, ms: number): void {
    line.retryAt = performance.now() + spread(ms);
    this.wait(line);
  }

  private wait(line: NodeLine): void {
    const untilRetry = line.retryAt - performance.now();
    const untilBetween = line.between ? spread(this.tuning.knockMs) : Infinity;
    line.isBetweenNext = untilBetween < untilRetry;
    line.timer = setTimeout(
      () => {
        this.due.add(line);
        this.connectDue();
      },
      Math.min(untilBetween, untilRetry),
    );
  }
}

const spread = (ms: number): number => ms * (1 + SPREAD * Math.random());
