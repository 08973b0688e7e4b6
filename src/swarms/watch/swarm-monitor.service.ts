import { randomBytes } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { RepeatedError } from '../../common/words/repeated-error.js';
import { ConcurrencyLimit } from '../../common/bounds/concurrency-limit.js';
import { TrustedClock } from '../../common/time/trusted-clock.js';
import { type ConnectionEnd, type OwnKeys } from '../lines/node-connection.js';
import { type ConductTuning, DEFAULT_CONDUCT_TUNING, NodeConduct } from '../lines/node-conduct.js';
import { DEFAULT_LINES_TUNING, type LinesTuning, type NodeLine, NodeLines } from '../lines/node-lines.js';
import { type NodeList } from '../wire/node-list.protocol.js';
import { type MonitorResult, type SignedAccount } from '../wire/monitor-request.protocol.js';
import { decodeMonitorEnded, decodeNotifyMessage, type Report } from '../wire/notify-message.protocol.js';
import { ReportIntake, type ReportOutcome } from '../reports/report-intake.js';
import { fingerprintOf, SeenMessages } from '../reports/seen-messages.js';
import { ServiceNodes, type ServiceNodesStatus } from '../nodes/service-nodes.service.js';
import { coarsePlaceOf, type PlaceRange } from '../wire/swarm-space.protocol.js';
import { DEFAULT_WATCH_TUNING, type SwarmCoverage, SwarmWatch, type WatchTuning } from './swarm-watch.js';
import { ReportSink, WatchedAccounts } from '../watched-accounts.js';

export interface MonitorTuning {
  readonly lines: LinesTuning;
  readonly watch: WatchTuning;
  readonly conduct: ConductTuning;
  /** Passes over the accounts of a swarm at a time. */
  readonly maxPasses: number;
  /** How often it is looked which swarms have accounts; that one has got some is known at once. */
  readonly placesMs: number;
  /** The list is asked for at most so often because nodes say that accounts have moved. */
  readonly hintMs: number;
  /** Reports of all nodes that wait to be kept, in bytes; above it nothing more is read. */
  readonly maxPendingBytes: number;
}

export const DEFAULT_MONITOR_TUNING: MonitorTuning = {
  lines: DEFAULT_LINES_TUNING,
  watch: DEFAULT_WATCH_TUNING,
  conduct: DEFAULT_CONDUCT_TUNING,
  maxPasses: 16,
  placesMs: 3_600_000,
  hintMs: 10_000,
  maxPendingBytes: 64 * 1024 * 1024,
};

export abstract class MonitorOptions {
  abstract readonly own: OwnKeys;
  abstract readonly tuning: MonitorTuning;
}

/** How much of the network is watched, and what it reports. Counters count from the start. */
export interface MonitorStatus {
  readonly list: ServiceNodesStatus;
  /** Nodes that are wanted, those connected, and those that are tried again. */
  readonly nodes: {
    readonly wanted: number;
    readonly connected: number;
    readonly failing: number;
    readonly aside: number;
  };
  /** Which swarms have accounts was read. */
  readonly placesAreKnown: boolean;
  readonly swarmsInUse: number;
  readonly coverage: {
    /** Accounts that are confirmed by every node of their swarm, by some, by none. */
    readonly full: number;
    readonly partial: number;
    readonly none: number;
    /** Swarms whose accounts were not counted yet. */
    readonly uncounted: number;
  };
  readonly reports: Readonly<Record<ReportOutcome, number>>;
  readonly results: Readonly<Record<MonitorResult, number>>;
  readonly endedConnections: Readonly<Partial<Record<ConnectionEnd, number>>>;
  /** Accounts that nodes said to be elsewhere, without being asked. */
  readonly monitorEnded: number;
  readonly unknownCommands: number;
  /** What nodes sent above their share, which was read later. */
  readonly aboveShare: number;
  /** Nodes that were set aside since the start. */
  readonly setAside: number;
  /** Messages that were forgotten before their time. */
  readonly forgottenEarly: number;
}

/** A node that is left alone for a while. */
export interface SetAside {
  /** Its X25519 key, in hexadecimal. */
  readonly node: string;
  readonly reason: 'malformed' | 'foreign' | 'unconfirmed';
  readonly minutes: number;
}

const PLACES = 65_536;
const PLACES_RETRY_MS = 10_000;
const NODES_TO_ASK = 5;
/** Only among so many others it shows that one node reports what nobody has: a single one may be the one that is silent. */
const OTHERS_TO_COMPARE = 2;
const ASK_DEADLINE_MS = 5000;
/** A stop waits so long for reports that are being kept. */
const KEEP_WITHIN_MS = 3000;

/**
 * Watches the accounts that others hand in, and hands on what the nodes report.
 *
 * Nodes of swarms that have accounts are connected, and told of them by a {@link SwarmWatch} for each swarm. A report counts
 * when its node belongs to the account's swarm, and once.
 */
@Injectable()
export class SwarmMonitor {
  private readonly logger = new Logger(SwarmMonitor.name);
  private readonly errors = new RepeatedError((line) => this.logger.error(line));
  private readonly watches = new Map<bigint, SwarmWatch>();
  private readonly passes: ConcurrencyLimit;
  private readonly lines: NodeLines;
  private readonly intake: ReportIntake;
  private readonly conducts = new Map<string, NodeConduct>();
  /** Until when nodes are left alone that misbehaved. */
  private readonly aside = new Map<string, number>();
  private readonly asideTimers = new Set<NodeJS.Timeout>();
  private readonly reports = { taken: 0, copy: 0, late: 0, expired: 0, malformed: 0, foreign: 0, failed: 0 };
  private readonly results = {
    watched: 0,
    malformed: 0,
    stale: 0,
    'bad-signature': 0,
    elsewhere: 0,
    'not-ready': 0,
  };
  private monitorEnded = 0;
  private unknownCommands = 0;
  private aboveShare = 0;
  /** Of messages whose reports are compared. */
  private readonly secret = randomBytes(32);
  private setAsideCount = 0;
  private tellSetAside: (aside: SetAside) => void = () => undefined;
  private pendingBytes = 0;
  private readonly heldForBytes = new Set<() => void>();
  private places = new Uint8Array(PLACES);
  /** Since it was begun to read them. */
  private newPlaces = new Set<number>();
  private placesTimer: NodeJS.Timeout | undefined;
  private hintTimer: NodeJS.Timeout | undefined;
  private hintedAt = -Infinity;
  private placesAreKnown = false;
  private running = false;

  constructor(
    private readonly serviceNodes: ServiceNodes,
    private readonly accounts: WatchedAccounts,
    private readonly sink: ReportSink,
    private readonly seen: SeenMessages,
    private readonly options: MonitorOptions,
    clock: TrustedClock,
  ) {
    const { own, tuning } = options;
    this.passes = new ConcurrencyLimit(tuning.maxPasses);
    const onFailure = (error: unknown) => this.errors.log({ msg: 'a report was not kept' }, error);
    this.intake = new ReportIntake(seen, sink, onFailure, clock);
    this.lines = new NodeLines(
      own,
      {
        opened: (line) => this.onOpened(line),
        lost: (line) => this.watchOf(line)?.left(line.node.id),
        command: (line, name, parts) => this.onCommand(line, name, parts),
        unasked: (line) => this.slowDown(line, 0),
        isOfUse: (line) => this.isOfUse(line),
      },
      tuning.lines,
    );
    serviceNodes.onChange((list) => this.arrange(list));
    serviceNodes.useNodes((question) => this.askNodes(question));
  }

  /** Begins to watch what is to be watched, also after a rest. */
  async start(): Promise<void> {
    this.running = true;
    await this.readPlaces();
    this.serviceNodes.start();
  }

  /** Accounts may have come unnoticed: reads again which swarms have any, and tells all nodes everything. */
  lookAgain(): void {
    if (!this.running) return;
    for (const watch of this.watches.values()) watch.tellAgain();
    void this.readPlaces();
  }

  /** Tells of each node that is set aside. */
  onSetAside(listener: (aside: SetAside) => void): void {
    this.tellSetAside = listener;
  }

  /** Leaves all nodes, until it is started again. */
  rest(): void {
    this.running = false;
    clearTimeout(this.placesTimer);
    clearTimeout(this.hintTimer);
    this.hintTimer = undefined;
    for (const watch of this.watches.values()) watch.close();
    this.watches.clear();
    this.lines.close();
  }

  async stop(): Promise<void> {
    this.rest();
    for (const timer of this.asideTimers) clearTimeout(timer);
    await Promise.all([this.serviceNodes.stop(), this.intake.stop(KEEP_WITHIN_MS)]);
  }

  /** Accounts that were stored just now, new or signed anew: all connected nodes of their swarms are told within a second. */
  watch(accounts: readonly SignedAccount[]): void {
    const list = this.serviceNodes.current;
    let isNewPlace = false;
    for (const { account } of accounts) {
      const place = coarsePlaceOf(account);
      if (this.places[place] === 0) isNewPlace = true;
      this.places[place] = 1;
      this.newPlaces.add(place);
    }
    if (!list || !this.running) return;
    if (isNewPlace) this.arrange(list);
    const bySwarm = Map.groupBy(accounts, ({ account }) => list.space.swarmOf(account));
    for (const [swarm, group] of bySwarm) if (swarm !== null) this.watches.get(swarm)?.add(group);
  }

  status(): MonitorStatus {
    const lines = [...this.lines.all];
    const connected = lines.filter(({ isOpen }) => isOpen).length;
    return {
      list: this.serviceNodes.status(),
      nodes: {
        wanted: lines.length,
        connected,
        failing: lines.filter(({ isOpen, failures }) => !isOpen && failures > 0).length,
        aside: this.aside.size,
      },
      placesAreKnown: this.placesAreKnown,
      swarmsInUse: this.watches.size,
      coverage: sumOf([...this.watches.values()].map((watch) => watch.coverage())),
      reports: { ...this.reports },
      results: { ...this.results },
      endedConnections: Object.fromEntries(this.lines.ends),
      monitorEnded: this.monitorEnded,
      unknownCommands: this.unknownCommands,
      aboveShare: this.aboveShare,
      setAside: this.setAsideCount,
      forgottenEarly: this.seen.forgottenEarly,
    };
  }

  /** Fits what is watched to the swarms as they are now. */
  private arrange(list: NodeList): void {
    if (!this.running) return;
    const members = Map.groupBy(list.nodes.values(), ({ swarm }) => swarm);
    const inUse = [...list.space].filter((swarm) => this.isInUse(list.space.rangesOf(swarm)));
    for (const [id, watch] of this.watches)
      if (!inUse.includes(id)) {
        watch.close();
        this.watches.delete(id);
      }
    for (const id of inUse) {
      const ranges = list.space.rangesOf(id);
      const watch = this.watches.get(id) ?? this.newWatch(id, ranges);
      watch.reshape(
        ranges,
        (members.get(id) ?? []).map((node) => node.id),
      );
    }
    for (const id of this.conducts.keys()) if (!list.nodes.has(id)) this.conducts.delete(id);
    const wanted = inUse.flatMap((id) => members.get(id) ?? []);
    this.lines.want(wanted.filter(({ id }) => !this.aside.has(id)));
    // A node that moved to another swarm keeps its line, and is told of other accounts.
    for (const line of this.lines.all) {
      const watch = this.watchFor(line);
      if (line.isOpen && watch && !watch.has(line.node.id)) watch.joined(line);
    }
  }

  private newWatch(id: bigint, ranges: readonly PlaceRange[]): SwarmWatch {
    const belongs = (account: Buffer) => this.serviceNodes.current?.space.swarmOf(account) === id;
    const surroundings = {
      page: (range: PlaceRange, after: string | null, limit: number) => this.accounts.page(range, after, limit),
      count: (range: PlaceRange) => this.accounts.count(range, belongs),
      belongs,
      inTurn: <T>(pass: () => Promise<T>) => this.passes.run(pass),
      counted: (result: MonitorResult, signatures: number) => void (this.results[result] += signatures),
      elsewhere: () => this.hint(),
      refused: (account: SignedAccount, reason: 'stale' | 'bad-signature') => {
        this.sink
          .refused(account, reason)
          .catch((error: unknown) => this.errors.log({ msg: 'a refused account was not noted' }, error));
      },
      failed: (error: unknown) => this.errors.log({ msg: 'the accounts of a swarm could not be read' }, error),
    };
    const watch = new SwarmWatch(id, ranges, surroundings, this.options.tuning.watch);
    this.watches.set(id, watch);
    return watch;
  }

  private isInUse(ranges: readonly PlaceRange[]): boolean {
    return ranges.some(({ first, last }) => this.places.subarray(first, last + 1).includes(1));
  }

  private async readPlaces(): Promise<void> {
    let nextMs = this.options.tuning.placesMs;
    try {
      const places = new Uint8Array(PLACES);
      // What is new meanwhile must not get lost.
      this.newPlaces = new Set();
      for (const place of await this.accounts.placesInUse()) places[place] = 1;
      for (const place of this.newPlaces) places[place] = 1;
      this.places = places;
      this.placesAreKnown = true;
    } catch (error) {
      this.errors.log({ msg: 'which swarms have accounts could not be read' }, error);
      nextMs = PLACES_RETRY_MS;
    }
    if (!this.running) return;
    const list = this.serviceNodes.current;
    if (list) this.arrange(list);
    clearTimeout(this.placesTimer);
    this.placesTimer = setTimeout(() => void this.readPlaces(), nextMs);
    this.placesTimer.unref();
  }

  private watchOf(line: NodeLine): SwarmWatch | undefined {
    for (const watch of this.watches.values()) if (watch.has(line.node.id)) return watch;
    return undefined;
  }

  private onOpened(line: NodeLine): void {
    this.watchFor(line)?.joined(line);
  }

  private async isOfUse(line: NodeLine): Promise<boolean> {
    try {
      return (await this.watchFor(line)?.isOfUse(line)) ?? true;
    } catch (error) {
      this.errors.log({ msg: 'the accounts of a swarm could not be read' }, error);
      return false;
    }
  }

  /** By the list as it is now; connected or not. */
  private watchFor({ node }: NodeLine): SwarmWatch | undefined {
    const swarm = this.serviceNodes.current?.nodes.get(node.id)?.swarm;
    return swarm === undefined ? undefined : this.watches.get(swarm);
  }

  private onCommand(line: NodeLine, name: string, parts: Buffer[]): Promise<void> | void {
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    this.slowDown(line, bytes);
    switch (name) {
      case 'notify.message':
        return this.onReport(line, parts, bytes);
      case 'notify.monitor_ended':
        this.monitorEnded++;
        return this.onEnded(line, parts);
      default:
        this.unknownCommands++;
    }
  }

  /** The node's word is a hint; by the list the account may belong to its swarm all the same. */
  private onEnded(line: NodeLine, parts: Buffer[]): void {
    const account = decodeMonitorEnded(parts);
    if (!account) return this.offended(line, 'malformed');
    this.hint();
    const list = this.serviceNodes.current;
    const { id, swarm } = line.node;
    if (list?.space.swarmOf(account) === swarm) this.watches.get(swarm)?.gaveUp(id);
  }

  private onReport(line: NodeLine, parts: Buffer[], bytes: number): Promise<void> | void {
    const report = decodeNotifyMessage(parts);
    if (!report) return this.offended(line, 'malformed');
    if (!this.serviceNodes.isMember(line.node.id, report.account)) return this.offended(line, 'foreign');
    this.pendingBytes += bytes;
    if (this.pendingBytes > this.options.tuning.maxPendingBytes && line.connection)
      this.heldForBytes.add(line.connection.hold());
    const swarm = this.serviceNodes.current?.space.swarmOf(report.account) ?? null;
    const watchedSince = (swarm === null ? null : this.watches.get(swarm)?.watchedSince) ?? null;
    return this.takeIn(line, report, watchedSince, bytes);
  }

  private async takeIn(line: NodeLine, report: Report, watchedSince: number | null, bytes: number): Promise<void> {
    const outcome = await this.intake.take(report, watchedSince);
    this.reports[outcome]++;
    if (outcome === 'taken') this.onTaken(line, report);
    if (outcome === 'copy') this.onCopy(line, report);
    this.pendingBytes -= bytes;
    if (this.pendingBytes * 2 <= this.options.tuning.maxPendingBytes) this.releaseHeld();
  }

  /** What a node is the first to report, the others of its swarm report too, or it has made it up. */
  private onTaken(line: NodeLine, report: Report): void {
    const conduct = this.conductOf(line);
    conduct.taken++;
    const { id, swarm } = line.node;
    const others = this.watches.get(swarm)?.toldBeside(id) ?? 0;
    if (others < OTHERS_TO_COMPARE) return;
    if (conduct.notConfirmedYet(this.nameOf(report))) this.setAside(line, 'unconfirmed');
  }

  private onCopy(line: NodeLine, report: Report): void {
    this.conductOf(line).copies++;
    const { id, swarm } = line.node;
    const others = [...(this.watches.get(swarm)?.memberIds ?? [])].flatMap((other) =>
      other === id ? [] : (this.conducts.get(other) ?? []),
    );
    const waiting = others.filter(({ isWaitingForOthers }) => isWaitingForOthers);
    if (waiting.length === 0) return;
    const name = this.nameOf(report);
    for (const conduct of waiting) conduct.confirmed(name);
  }

  private nameOf(report: Report): string {
    return fingerprintOf(report, this.secret).toString('latin1');
  }

  private releaseHeld(): void {
    for (const release of this.heldForBytes) release();
    this.heldForBytes.clear();
  }

  /** A node that sends more than its share waits, and with it only what it sends. */
  private slowDown(line: NodeLine, bytes: number): void {
    const conduct = this.conductOf(line);
    const pause = conduct.pauseAfter(bytes);
    if (pause <= 0 || !line.connection) return;
    this.aboveShare++;
    if (!conduct.isKnownAsLoud) {
      conduct.isKnownAsLoud = true;
      this.logger.warn({ msg: 'a node sends more than its share and is read slowly', ...figuresOf(line, conduct) });
    }
    setTimeout(line.connection.hold(), pause).unref();
  }

  private offended(line: NodeLine, outcome: 'malformed' | 'foreign'): void {
    this.reports[outcome]++;
    if (this.conductOf(line).offend()) this.setAside(line, outcome);
  }

  /** Leaves a node alone for a while, unless too many of its swarm are left alone already: that would be our mistake. */
  private setAside(line: NodeLine, reason: SetAside['reason']): void {
    const { id, swarm } = line.node;
    const list = this.serviceNodes.current;
    const fellows = [...(list?.nodes.values() ?? [])].filter((node) => node.swarm === swarm);
    const asideAlready = fellows.filter((node) => this.aside.has(node.id)).length;
    if (!list || this.aside.has(id)) return;
    const figures = figuresOf(line, this.conductOf(line));
    if ((asideAlready + 1) * 3 > fellows.length) {
      this.logger.warn({ msg: 'a node misbehaves and is kept, for too few of its swarm are left', reason, ...figures });
      return;
    }
    const { asideMs } = this.options.tuning.conduct;
    const minutes = asideMs / 60_000;
    this.logger.warn({ msg: 'a node misbehaves and is set aside', reason, minutes, ...figures });
    this.tellSetAside({ node: id, reason, minutes });
    this.setAsideCount++;
    this.aside.set(id, performance.now() + asideMs);
    const timer = setTimeout(() => {
      this.asideTimers.delete(timer);
      this.aside.delete(id);
      this.conducts.delete(id);
      if (this.serviceNodes.current) this.arrange(this.serviceNodes.current);
    }, asideMs);
    timer.unref();
    this.asideTimers.add(timer);
    this.arrange(list);
  }

  private conductOf(line: NodeLine): NodeConduct {
    const { id } = line.node;
    const known = this.conducts.get(id);
    if (known) return known;
    const conduct = new NodeConduct(this.options.tuning.conduct);
    this.conducts.set(id, conduct);
    return conduct;
  }

  /** A node says that accounts are elsewhere. Only the list is believed, and it is asked for now. */
  private hint(): void {
    if (this.hintTimer) return;
    const wait = this.hintedAt + this.options.tuning.hintMs - performance.now();
    this.hintTimer = setTimeout(
      () => {
        this.hintTimer = undefined;
        this.hintedAt = performance.now();
        void this.serviceNodes.refresh({ isInDoubt: true });
      },
      Math.max(0, wait),
    );
  }

  /** Asks a few connected nodes for the list, each another one each time. */
  private async askNodes(question: object): Promise<string[]> {
    const open = [...this.lines.all].filter(({ isOpen }) => isOpen);
    const asked = shuffled(open).slice(0, NODES_TO_ASK);
    const part = Buffer.from(JSON.stringify({ endpoint: 'get_service_nodes', params: question }));
    const answers = await Promise.all(
      asked.map((line) => line.request('storage.oxend_request', [part], ASK_DEADLINE_MS)),
    );
    return answers.flatMap((answer) => (answer.kind === 'reply' ? answer.parts.slice(-1).map(String) : []));
  }
}

/**
 * What is confirmed is known as numbers for each node, not for each account: an account is taken to be confirmed by all as far
 * as the node that confirmed the least has come, and by some as far as the one that confirmed the most.
 */
function sumOf(swarms: readonly SwarmCoverage[]): MonitorStatus['coverage'] {
  const sum = { full: 0, partial: 0, none: 0, uncounted: 0 };
  for (const { accounts, members, confirmed } of swarms) {
    if (accounts === null) {
      sum.uncounted++;
      continue;
    }
    const least = confirmed.length < members ? 0 : Math.min(accounts, ...confirmed);
    const most = Math.min(accounts, Math.max(0, ...confirmed));
    sum.full += least;
    sum.partial += most - least;
    sum.none += accounts - most;
  }
  return sum;
}

/** What a node has sent, for the log. */
const figuresOf = ({ node }: NodeLine, { taken, copies, offences }: NodeConduct) => ({
  node: node.id,
  taken,
  copies,
  offences,
});

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
