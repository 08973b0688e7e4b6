import { AccountCount } from './account-count.js';
import { type MonitorResult, type SignedAccount } from '../wire/monitor-request.protocol.js';
import { type NodeLine } from '../lines/node-lines.js';
import { type Batch, BATCH_SIZE, countWatched, NodeTeller, toBatch } from './node-teller.js';
import { NodeProbes } from './node-probes.js';
import { type PlaceRange } from '../wire/swarm-space.protocol.js';
import { type AccountPage } from '../watched-accounts.js';

export interface WatchTuning {
  /** Everything is told again after a time between these two; a node forgets after 65 minutes. */
  readonly renewMs: readonly [number, number];
  /** How long to wait for other nodes that connect about now, so that a page is read once for them all. */
  readonly batchWindowMs: number;
  /** New accounts that come within this time share a request. */
  readonly freshMs: number;
  /** A node that is so much later than the first one is left behind and told later. */
  readonly laggardMs: number;
  /** A node that did not take it all is told again after this time, the last repeats. */
  readonly retryMs: readonly number[];
  /** Meanwhile it is asked about one account after this time. */
  readonly probeMs: number;
  readonly probeDeadlineMs: number;
  readonly requestDeadlineMs: number;
  /** The accounts are counted again after a time between these two: the least when some came, else the most. */
  readonly countMs: readonly [number, number];
}

export const DEFAULT_WATCH_TUNING: WatchTuning = {
  renewMs: [45 * 60_000, 55 * 60_000],
  batchWindowMs: 250,
  freshMs: 50,
  laggardMs: 10_000,
  retryMs: [10_000, 30_000, 60_000, 120_000],
  probeMs: 20_000,
  probeDeadlineMs: 10_000,
  requestDeadlineMs: 30_000,
  countMs: [10_000, 5 * 60_000],
};

/** Looked up for a node on trial, which is asked about one: not all that lie at the swarm's places belong to it. */
const ASKED_ON_TRIAL = 16;

/** What a swarm's watch needs of its surroundings. */
export interface WatchSurroundings {
  page(range: PlaceRange, after: string | null, limit: number): Promise<AccountPage>;
  /** How many accounts of this swarm are in a range. */
  count(range: PlaceRange): Promise<number>;
  /** Whether an account belongs to this swarm, exactly. */
  belongs(account: Buffer): boolean;
  /** Lets a pass begin when not too many are under way. */
  inTurn<T>(pass: () => Promise<T>): Promise<T>;
  /** So many signatures had this result at a node. */
  counted(result: MonitorResult, signatures: number): void;
  /** A node says that accounts belong to another swarm. */
  elsewhere(): void;
  /** A node refuses the signature of an account. */
  refused(account: SignedAccount, reason: 'stale' | 'bad-signature'): void;
  failed(error: unknown): void;
}

interface Member {
  readonly teller: NodeTeller;
  /** When it is to be told everything, in `performance.now()`; infinity = it is being told. */
  dueAt: number;
  /**
   * Accounts of which it did not say that it watches them; null = all, for it was not told everything since it is connected.
   * An account that it refuses again counts again, until it is told everything.
   */
  missing: number | null;
  failures: number;
  /** It has refused an account since it was last told everything. */
  hasRefused: boolean;
  /** It gave up an account of its own accord since then. */
  hasGivenUp: boolean;
  /** How often it was told everything again for either, since the last renewal. */
  refusals: number;
  /** It watched the account that it was asked about, and then did not watch all: it waits for its turn like any other. */
  hasMisled: boolean;
}

export interface SwarmCoverage {
  /** What is to be watched, each account once however many phones it has; null = not counted yet. */
  readonly accounts: number | null;
  readonly members: number;
  readonly connected: number;
  /** How many accounts the connected members confirmed, one number for each. */
  readonly confirmed: readonly number[];
}

/**
 * Keeps the nodes of one swarm told of its accounts: everything after each handshake and every 45 to 55 minutes, in pages
 * that are read and encoded once for all nodes that need them, and new accounts at once.
 */
export class SwarmWatch {
  private readonly open = new Map<string, Member>();
  private members = new Set<string>();
  private fresh: SignedAccount[] = [];
  private freshTimer: NodeJS.Timeout | undefined;
  private timer: NodeJS.Timeout | undefined;
  private timerAt = Infinity;
  private passing = false;
  private renewAt = 0;
  private readonly accounts: AccountCount;
  private readonly probes: NodeProbes;
  private since: number | null = null;
  private closed = false;

  constructor(
    readonly id: bigint,
    private ranges: readonly PlaceRange[],
    private readonly surroundings: WatchSurroundings,
    private readonly tuning: WatchTuning = DEFAULT_WATCH_TUNING,
  ) {
    this.accounts = new AccountCount(
      {
        count: () => this.count(),
        unnoticed: (accounts) => this.missed(accounts, [...this.open.values()]),
        failed: (error) => surroundings.failed(error),
      },
      tuning.countMs,
    );
    this.probes = new NodeProbes(tuning.probeMs, tuning.probeDeadlineMs, (teller) => this.mended(teller));
  }

  /** Since when a message of this swarm cannot have been missed, in epoch milliseconds; null = nobody watches now. */
  get watchedSince(): number | null {
    return this.since;
  }

  coverage(): SwarmCoverage {
    const open = [...this.open.values()];
    const accounts = this.accounts.value;
    return {
      accounts,
      members: this.members.size,
      connected: open.length,
      confirmed: open.map(({ missing }) => (missing === null ? 0 : Math.max(0, (accounts ?? 0) - missing))),
    };
  }

  get memberIds(): Iterable<string> {
    return this.members;
  }

  /** How many other nodes of this swarm are connected and were told everything. */
  toldBeside(nodeId: string): number {
    return [...this.open].filter(([id, { missing }]) => missing !== null && id !== nodeId).length;
  }

  /** The swarm is as large as this now. What it has got in addition is told to all its nodes. */
  reshape(ranges: readonly PlaceRange[], members: Iterable<string>): void {
    this.members = new Set(members);
    for (const id of this.open.keys()) if (!this.members.has(id)) this.left(id);
    if (isSame(ranges, this.ranges)) return;
    const hasGrown = !ranges.every((range) =>
      this.ranges.some((own) => own.first <= range.first && range.last <= own.last),
    );
    this.ranges = ranges;
    this.accounts.soon();
    if (!hasGrown) return;
    // Nobody may have watched what it has got.
    this.since = null;
    for (const member of this.open.values()) member.dueAt = performance.now();
    this.schedule();
  }

  has(nodeId: string): boolean {
    return this.open.has(nodeId);
  }

  /** A node of this swarm is connected, and knows nothing. */
  joined(line: NodeLine): void {
    this.open.set(line.node.id, {
      teller: new NodeTeller(line, this.tuning.requestDeadlineMs),
      dueAt: performance.now() + this.tuning.batchWindowMs,
      missing: null,
      failures: 0,
      hasRefused: false,
      hasGivenUp: false,
      refusals: 0,
      hasMisled: false,
    });
    this.schedule();
  }

  /** Whether a node of this swarm watches an account of it, when it is asked to. Also true when there is none to ask about. */
  async isOfUse(line: NodeLine): Promise<boolean> {
    for await (const { accounts } of this.batches(this.ranges, ASKED_ON_TRIAL)) {
      const results = await new NodeTeller(line, this.tuning.probeDeadlineMs).tell(toBatch(accounts.slice(0, 1)));
      return results?.[0] === 'watched';
    }
    return true;
  }

  /** Tells all nodes everything now. */
  tellAgain(): void {
    const soon = performance.now() + this.tuning.batchWindowMs;
    for (const member of this.open.values()) member.dueAt = Math.min(member.dueAt, soon);
    this.schedule();
  }

  /**
   * A node of this swarm does not watch an account any more that belongs here: the swarms have changed and changed back, or
   * will change in a moment. It is told everything again, also when many say so, or one says so all the time, at a pace.
   */
  gaveUp(nodeId: string): void {
    const member = this.open.get(nodeId);
    if (!member || member.hasGivenUp) return;
    member.hasGivenUp = true;
    if (member.missing !== null) member.missing++;
    this.askAgainAfter(member, this.waitOf(member.refusals));
    this.schedule();
  }

  left(nodeId: string): void {
    const member = this.open.get(nodeId);
    if (member) this.probes.end(member.teller);
    this.open.delete(nodeId);
    if (![...this.open.values()].some(({ missing }) => missing !== null)) this.since = null;
  }

  /** Accounts that are new or signed anew: told to all connected nodes. Others hear of them when they connect. */
  add(accounts: readonly SignedAccount[]): void {
    this.fresh.push(...accounts);
    this.freshTimer ??= setTimeout(() => this.tellFresh(), this.tuning.freshMs);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    clearTimeout(this.freshTimer);
    this.accounts.close();
    this.probes.close();
    this.open.clear();
    this.since = null;
  }

  private tellFresh(): void {
    this.freshTimer = undefined;
    const byAccount = Map.groupBy(this.fresh.splice(0), ({ account }) => account.toString('latin1'));
    this.accounts.add(byAccount.size);
    const accounts = [...byAccount.values()].flat();
    for (let at = 0; at < accounts.length; at += BATCH_SIZE) {
      const batch = toBatch(accounts.slice(at, at + BATCH_SIZE));
      const told = [...this.open.values()];
      void this.tellNow(batch, told);
    }
  }

  private async tellNow(batch: Batch, members: readonly Member[]): Promise<void> {
    const took = await this.tellAll(batch, members);
    for (const member of members) {
      const watched = took.get(member);
      if (member.missing !== null) member.missing += batch.size - (watched ?? 0);
      if (watched === undefined) this.catchUpLater(member);
      else if (member.hasRefused) this.askAgain(member);
    }
    this.accounts.soon();
    this.schedule();
  }

  private schedule(): void {
    if (this.closed || this.passing) return;
    const at = Math.min(...[...this.open.values()].map(({ dueAt }) => dueAt));
    if (at === Infinity || (at >= this.timerAt && this.timerAt !== Infinity)) return;
    clearTimeout(this.timer);
    this.timerAt = at;
    this.timer = setTimeout(() => void this.passInTurn(), Math.max(0, at - performance.now()));
  }

  private async passInTurn(): Promise<void> {
    this.timerAt = Infinity;
    this.passing = true;
    try {
      await this.surroundings.inTurn(() => this.pass());
    } catch (error) {
      this.surroundings.failed(error);
      for (const member of this.open.values()) if (member.dueAt === Infinity) this.putOff(member);
    }
    this.passing = false;
    this.schedule();
  }

  private dueMembers(): Member[] {
    // Those that are due in a moment may come along.
    const soon = performance.now() + this.tuning.batchWindowMs;
    return [...this.open.values()].filter(({ dueAt }) => dueAt <= soon);
  }

  /** Tells everything to the nodes that are due. */
  private async pass(): Promise<void> {
    let members = this.dueMembers();
    if (members.length === 0) return;
    const missing = new Map(members.map((member) => [member, 0]));
    for (const member of members) {
      // What is asked for during the pass is not overlooked: it makes it due again.
      member.dueAt = Infinity;
      member.hasRefused = false;
      member.hasGivenUp = false;
    }
    const { ranges } = this;
    for await (const batch of this.batches(ranges)) {
      const took = await this.tellAll(batch, members);
      for (const member of members) if (!took.has(member)) this.putOff(member);
      members = members.filter((member) => took.has(member));
      if (members.length === 0 || this.closed) return;
      for (const [member, watched] of took) missing.set(member, (missing.get(member) ?? 0) + batch.size - watched);
    }
    const unnoticed = await this.accounts.afterPass();
    if (this.closed) return;
    const others = [...this.open.values()].filter((member) => !members.includes(member));
    this.missed(unnoticed, others);
    this.passed(members, missing, ranges);
  }

  private passed(
    members: readonly Member[],
    missing: ReadonlyMap<Member, number>,
    ranges: readonly PlaceRange[],
  ): void {
    const now = performance.now();
    const [least, most] = this.tuning.renewMs;
    const isRenewal = this.renewAt <= now + this.tuning.batchWindowMs;
    if (isRenewal) this.renewAt = now + least + (most - least) * Math.random();
    for (const member of members) {
      member.missing = missing.get(member) ?? 0;
      member.failures = 0;
      member.dueAt = Math.min(member.dueAt, this.renewAt);
      if (isRenewal && !member.hasRefused) member.refusals = 0;
      if (isRenewal || !member.hasRefused) member.hasMisled = false;
      if (!member.hasRefused) this.probes.end(member.teller);
      if (member.hasRefused) this.askAgain(member);
      if (this.isOpen(member) && ranges === this.ranges) this.since ??= Date.now();
    }
  }

  private isOpen(member: Member): boolean {
    return this.open.get(member.teller.line.node.id) === member;
  }

  /** Accounts are there of which these members were not told. */
  private missed(accounts: number, members: readonly Member[]): void {
    if (accounts === 0) return;
    this.since = null;
    const soon = performance.now() + this.tuning.batchWindowMs;
    for (const member of members) {
      if (member.missing !== null) member.missing += accounts;
      member.dueAt = Math.min(member.dueAt, soon);
    }
    this.schedule();
  }

  private async count(): Promise<number> {
    let count = 0;
    for (const range of this.ranges) count += await this.surroundings.count(range);
    return count;
  }

  private async *batches(ranges: readonly PlaceRange[], size = BATCH_SIZE): AsyncGenerator<Batch, void> {
    for (const range of ranges) {
      let after: string | null = null;
      do {
        const page: AccountPage = await this.surroundings.page(range, after, size);
        const accounts = page.accounts.filter(({ account }) => this.surroundings.belongs(account));
        if (accounts.length > 0) yield toBatch(accounts);
        after = page.next;
      } while (after !== null);
    }
  }

  /** Tells nodes side by side; those who took it in time, and how many of the accounts they watch. */
  private async tellAll(batch: Batch, members: readonly Member[]): Promise<Map<Member, number>> {
    const took = new Map<Member, MonitorResult[]>();
    const isFirst = Promise.withResolvers<void>();
    const all = members.map(async (member) => {
      const results = await member.teller.tell(batch);
      if (results === null) return;
      took.set(member, results);
      isFirst.resolve();
    });
    const timer = Promise.withResolvers<void>();
    let laggard: NodeJS.Timeout | undefined;
    void isFirst.promise.then(() => (laggard = setTimeout(timer.resolve, this.tuning.laggardMs)));
    await Promise.race([Promise.all(all), timer.promise]);
    clearTimeout(laggard);
    const inTime = new Map(took);
    for (const [member, results] of inTime) this.note(member, results);
    this.judge(batch, [...inTime.values()]);
    for (const member of members) this.probe(member, batch, inTime);
    const isReady = (results: readonly MonitorResult[]) => !results.includes('not-ready');
    const ready = [...inTime].filter(([, results]) => isReady(results));
    return new Map(ready.map(([member, results]) => [member, countWatched(batch, results)]));
  }

  private note(member: Member, results: readonly MonitorResult[]): void {
    const counts = new Map<MonitorResult, number>();
    for (const result of results) counts.set(result, (counts.get(result) ?? 0) + 1);
    for (const [result, count] of counts) this.surroundings.counted(result, count);
    if (counts.has('elsewhere')) this.surroundings.elsewhere();
    if ((counts.get('watched') ?? 0) + (counts.get('not-ready') ?? 0) < results.length) member.hasRefused = true;
  }

  /** One node may lie: a signature is of no use when two say it, or the only one there is. */
  private judge(batch: Batch, answers: readonly (readonly MonitorResult[])[]): void {
    const needed = Math.min(2, this.members.size);
    for (const [index, account] of batch.accounts.entries()) {
      for (const reason of ['stale', 'bad-signature'] as const) {
        const saying = answers.filter((results) => results[index] === reason).length;
        if (saying > 0 && saying >= needed) this.surroundings.refused(account, reason);
      }
    }
  }

  /** A node that did not take all of a batch is asked about one of it, unless that is refused by everybody. */
  private probe(member: Member, { accounts }: Batch, answers: ReadonlyMap<Member, readonly MonitorResult[]>): void {
    const own = answers.get(member);
    if (member.hasMisled || own?.every((result) => result === 'watched')) return;
    const others = [...answers.values()].filter((results) => results !== own);
    const isWatchedElsewhere = (index: number) => others.some((results) => results[index] === 'watched');
    const account = accounts.find(
      (_, index) => own?.[index] !== 'watched' && (others.length === 0 || isWatchedElsewhere(index)),
    );
    if (account && this.isOpen(member)) this.probes.begin(member.teller, account);
  }

  /** It is told everything now. When it does not take it all, that happens once only. */
  private mended(teller: NodeTeller): void {
    const member = [...this.open.values()].find((one) => one.teller === teller);
    if (!member) return;
    member.hasMisled = true;
    member.dueAt = Math.min(member.dueAt, performance.now() + this.tuning.batchWindowMs);
    this.schedule();
  }

  /** It missed some accounts: it is told everything, unless that is to happen earlier anyway. */
  private catchUpLater(member: Member): void {
    const { dueAt } = member;
    this.putOff(member);
    member.dueAt = Math.min(dueAt, member.dueAt);
  }

  private putOff(member: Member): void {
    const wait = this.waitOf(member.failures);
    member.failures++;
    member.dueAt = afterAbout(wait);
  }

  /**
   * A node that refuses accounts may lag behind a change, or be mended soon: it is told everything again. After a few
   * times that ends until the next renewal, because it costs the node a look at each signature.
   */
  private askAgain(member: Member): void {
    const wait = this.tuning.retryMs[member.refusals];
    if (wait !== undefined) this.askAgainAfter(member, wait);
  }

  private askAgainAfter(member: Member, wait: number): void {
    member.refusals++;
    member.dueAt = Math.min(member.dueAt, afterAbout(wait));
  }

  /** After so many failures; the last repeats. */
  private waitOf(failures: number): number {
    const { retryMs } = this.tuning;
    return retryMs[Math.min(failures, retryMs.length - 1)] ?? 0;
  }
}

function isSame(some: readonly PlaceRange[], others: readonly PlaceRange[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ first, last }, index) => first === others[index]?.first && last === others[index].last)
  );
}

/** In `performance.now()`, so that not all nodes are told at one moment. */
function afterAbout(ms: number): number {
  return performance.now() + ms * (1 + 0.2 * Math.random());
}
