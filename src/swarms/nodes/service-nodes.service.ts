import { Injectable, Logger } from '@nestjs/common';
import { resolve } from 'node:path';
import { describeError } from '../../common/words/describe-error.js';
import { type ListSource, type SourceFailure } from './list-source.js';
import { NodeListFile } from './node-list-file.js';
import {
  implausibility,
  isOlder,
  isOtherNetwork,
  isSameNetwork,
  isSimilarNetwork,
  listQuestion,
  type NodeList,
  readNodeList,
} from '../wire/node-list.protocol.js';
import { isPublicAddress } from '../../common/words/public-address.js';

export interface ServiceNodesTuning {
  /** How often a source is asked that does not tell of blocks, and one that does. */
  readonly pollMs: number;
  readonly pollBesideBlocksMs: number;
  /** The least time between two requests to a source, for any reason. */
  readonly leastMs: number;
  /** How long to wait after all sources failed once, twice, ...; the last repeats. */
  readonly retryMs: readonly number[];
  /** For how long a node still counts as a member of the swarm in which it was. */
  readonly formerMs: number;
  /** What is in doubt, and what nobody else can be asked about, is believed when it was said for so long. */
  readonly doubtMs: number;
  /** The same while the list in use is that of the file. */
  readonly doubtBesideFileMs: number;
  /** The file is written again after this time, so that its age tells how old the list is. */
  readonly rewriteMs: number;
}

export const DEFAULT_SERVICE_NODES_TUNING: ServiceNodesTuning = {
  pollMs: 30_000,
  pollBesideBlocksMs: 5 * 60_000,
  leastMs: 2000,
  retryMs: [10_000, 30_000, 60_000, 120_000],
  formerMs: 10 * 60_000,
  doubtMs: 10 * 60_000,
  doubtBesideFileMs: 60_000,
  rewriteMs: 3_600_000,
};

export abstract class ServiceNodesOptions {
  /** Opens the sources, in the order in which they are tried. Those that tell of blocks call `onBlock`. */
  abstract readonly openSources: (onBlock: () => void) => readonly ListSource[];
  abstract readonly publicAddressesOnly: boolean;
  abstract readonly file: NodeListFile;
  abstract readonly tuning: ServiceNodesTuning;
}

/** Asks connected storage nodes the same, and gives what they answered. */
export type AskNodes = (question: object) => Promise<string[]>;

/** Lists that are remembered for those who were members. */
const MAX_FORMER = 16;

type Refusal = SourceFailure | 'empty' | 'too-different' | 'older';
export type ListOrigin = 'source' | 'nodes' | 'file';

export interface ServiceNodesStatus {
  readonly nodes: number;
  readonly swarms: number;
  readonly height: number | null;
  /** Where the list is from; null = there is none yet. */
  readonly origin: ListOrigin | null;
  /** How long ago somebody last confirmed it. */
  readonly ageMs: number | null;
  /** Rounds without an answer of any source since the last good one. */
  readonly failedRounds: number;
  /** What went wrong at each source when it was asked last; those that are well are not named. */
  readonly failures: Readonly<Record<string, string>>;
}

/**
 * Knows the storage nodes and their swarms, as the sources say it.
 *
 * No list is believed that would make people unwatched when it is wrong. One without nodes never is; one that differs much
 * from the last, or is of an older block, is believed when another source or the connected nodes say the same. Meanwhile the
 * last good list stays in use, and is in a file for the next start.
 */
@Injectable()
export class ServiceNodes {
  private readonly logger = new Logger(ServiceNodes.name);
  private readonly listeners = new Set<(list: NodeList) => void>();
  private readonly failures = new Map<string, Refusal>();
  private readonly sources: readonly ListSource[];
  private list: NodeList | null = null;
  private former: { list: NodeList; until: number }[] = [];
  private origin: ListOrigin | null = null;
  private confirmedAt = 0;
  private writtenAt: number | null = null;
  private failedRounds = 0;
  /** Since when there is word of a list that is in doubt. */
  private doubtedSince: number | null = null;
  private preferred = 0;
  /** The source of the list in use. It alone may say that nothing has changed since: others may have a newer list. */
  private giver: ListSource | null = null;
  private askNodes: AskNodes = () => Promise.resolve([]);
  private running: Promise<void> | null = null;
  private writing: Promise<void> = Promise.resolve();
  private stopped = false;
  /** Ends the pause between two rounds. */
  private wake: () => void = () => undefined;
  private isWanted = false;
  private wantsAnother = false;
  private waiters: (() => void)[] = [];

  constructor(private readonly options: ServiceNodesOptions) {
    this.sources = options.openSources(() => this.blockCame());
  }

  /** The list in use; null = none yet. */
  get current(): NodeList | null {
    return this.list;
  }

  /** Told of each list that differs from the one before in nodes, addresses or swarms. */
  onChange(listener: (list: NodeList) => void): void {
    this.listeners.add(listener);
  }

  /** Whom to ask when all sources fail. */
  useNodes(askNodes: AskNodes): void {
    this.askNodes = askNodes;
  }

  /** Reads the file, then asks for as long as it runs. */
  start(): void {
    this.running ??= this.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.wake();
    for (const source of this.sources) source.close();
    await this.running;
    await this.writing;
  }

  /**
   * Asks now, or as soon as the least time between two questions is over. Resolves when the answer is in use.
   *
   * @param isInDoubt another source is asked too when the first one has nothing new: the list may be wrong
   */
  refresh({ isInDoubt = false } = {}): Promise<void> {
    if (this.stopped) return Promise.resolve();
    this.wantsAnother ||= isInDoubt;
    return new Promise((resolve) => {
      this.waiters.push(resolve);
      this.blockCame();
    });
  }

  /** There is a new block, and perhaps a new list. */
  blockCame(): void {
    this.isWanted = true;
    this.wake();
  }

  /** Whether a node is in the swarm of this account, or was in it a short time ago: swarms change while messages come. */
  isMember(nodeId: string, account: Buffer): boolean {
    const now = performance.now();
    this.former = this.former.filter(({ until }) => until > now);
    return [this.list, ...this.former.map(({ list }) => list)].some(
      (list) => list?.nodes.get(nodeId)?.swarm === list?.space.swarmOf(account) && list?.nodes.has(nodeId) === true,
    );
  }

  status(): ServiceNodesStatus {
    return {
      nodes: this.list?.nodes.size ?? 0,
      swarms: this.list?.space.size ?? 0,
      height: this.list?.height ?? null,
      origin: this.origin,
      ageMs: this.list ? performance.now() - this.confirmedAt : null,
      failedRounds: this.failedRounds,
      failures: Object.fromEntries(this.failures),
    };
  }

  private async run(): Promise<void> {
    await this.readFile();
    while (!this.stopped) {
      this.isWanted = false;
      const waiters = this.waiters.splice(0);
      await this.round();
      for (const resolve of waiters) resolve();
      await this.pause();
    }
    for (const resolve of this.waiters.splice(0)) resolve();
  }

  private async pause(): Promise<void> {
    const { sources } = this;
    const { tuning } = this.options;
    const longest =
      this.failedRounds > 0
        ? (tuning.retryMs[Math.min(this.failedRounds, tuning.retryMs.length) - 1] ?? tuning.pollMs)
        : sources[this.preferred]?.tellsOfBlocks
          ? tuning.pollBesideBlocksMs
          : tuning.pollMs;
    await this.sleep(Math.min(tuning.leastMs, longest));
    if (!this.isWanted) await this.sleep(Math.max(0, longest - tuning.leastMs));
  }

  private async sleep(ms: number): Promise<void> {
    if (this.stopped) return;
    const least = this.options.tuning.leastMs;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      // A call of `wake` does not shorten the least pause between two questions, unless the server stops.
      this.wake = () => {
        if (!this.stopped && ms <= least) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Asks one source after the other, beginning with the one that answered last, then the nodes. */
  private async round(): Promise<void> {
    const { sources, wantsAnother } = this;
    this.wantsAnother = false;
    const before = this.list?.nodes;
    for (let step = 0; step < sources.length && !this.stopped; step++) {
      const index = (this.preferred + step) % sources.length;
      const source = sources[index];
      if (!source) continue;
      const refusal = await this.tryOne(source);
      if (refusal === null) {
        this.preferred = index;
        this.failedRounds = 0;
        if (wantsAnother && this.list?.nodes === before) await this.tryAnother();
        return;
      }
      if (!this.stopped) this.note(source.name, refusal);
    }
    if (this.stopped) return;
    this.failedRounds++;
    await this.tryNodes();
  }

  /** Asks a source that did not give the list in use, and goes on with it when it gives another one. */
  private async tryAnother(): Promise<void> {
    const { sources, giver } = this;
    const mayAnswer = ({ name }: ListSource) => [undefined, 'too-different', 'older'].includes(this.failures.get(name));
    const index = sources.findIndex((source) => source !== giver && mayAnswer(source));
    const another = sources[index];
    if (!another) return;
    const before = this.list?.nodes;
    const refusal = await this.tryOne(another);
    if (refusal !== null) this.note(another.name, refusal);
    else if (this.list?.nodes !== before) this.preferred = index;
  }

  private async tryOne(source: ListSource): Promise<Refusal | null> {
    const known = source === this.giver ? this.list?.blockHash : null;
    const answer = await source.ask(listQuestion(known ?? null));
    if (answer.kind === 'failed') return answer.failure;
    const refusal = await this.take(answer.json, 'source', source);
    if (refusal === null && this.failures.delete(source.name))
      this.logger.log({ msg: 'source of the node list answers again', source: source.name });
    return refusal;
  }

  private async tryNodes(): Promise<void> {
    const json = await this.wordOfNodes();
    if (json !== null) await this.take(json, 'nodes', null);
  }

  /** What more than half of at least two nodes say alike; null = there is no such thing. */
  private async wordOfNodes(): Promise<string | null> {
    const answers = (await this.askNodes(listQuestion(null))).flatMap((json) => {
      const read = readNodeList(json, this.isAllowed);
      return read.kind === 'list' ? [{ json, list: read.list }] : [];
    });
    const agreed = answers.find(({ list }) => {
      const alike = answers.filter((other) => isSameNetwork(list, other.list)).length;
      return alike >= 2 && alike * 2 > answers.length;
    });
    return agreed?.json ?? null;
  }

  /**
   * Puts a list into use; what speaks against it otherwise.
   *
   * @param by the source that gave it; null = the nodes did
   */
  private async take(json: string, origin: ListOrigin, by: ListSource | null): Promise<Refusal | null> {
    const answer = readNodeList(json, this.isAllowed);
    if (answer.kind === 'unreadable') return 'unreadable';
    if (answer.kind === 'unchanged') {
      if (!this.list) return 'unreadable';
      this.confirm(this.list, origin);
      return null;
    }
    const reason = implausibility(answer.list, this.list);
    if (reason === 'empty') return reason;
    const isInDoubt = reason !== null && !this.isBesideThePoint(answer.list, reason);
    if (isInDoubt && !(await this.isBacked(answer.list, reason, by))) return reason;
    if (this.stopped) return null;
    this.giver = by;
    this.accept(answer.list, origin);
    return null;
  }

  /** The list of the file may be of another network, or of a chain that was begun anew: a new list need not be like that one. */
  private isBesideThePoint(list: NodeList, reason: 'too-different' | 'older'): boolean {
    return this.origin === 'file' && this.list !== null && (reason === 'older' || isOtherNetwork(list, this.list));
  }

  /**
   * Whether at least as many other sources confirm a list that is in doubt as contradict it. The nodes count as one source.
   * Without another source, the same list must be given for a while.
   */
  private async isBacked(list: NodeList, reason: 'too-different' | 'older', by: ListSource | null): Promise<boolean> {
    this.doubtedSince ??= performance.now();
    const others = this.sources.filter((source) => source !== by);
    const asked = others.map(async (source) => {
      const answer = await source.ask(listQuestion(null));
      return answer.kind === 'answer' ? answer.json : null;
    });
    const words = await Promise.all(by === null ? asked : [...asked, this.wordOfNodes()]);
    const lists = words.flatMap((json) => {
      const read = json === null ? null : readNodeList(json, this.isAllowed);
      return read?.kind === 'list' && read.list.nodes.size > 0 ? [read.list] : [];
    });
    if (lists.length === 0) return this.wasDoubtedLong();
    const isSame = (other: NodeList) => isSimilarNetwork(other, list) && (reason !== 'older' || !isOlder(list, other));
    const backing = lists.filter(isSame).length;
    return backing > 0 && 1 + backing > lists.length - backing;
  }

  private wasDoubtedLong(): boolean {
    const { doubtMs, doubtBesideFileMs } = this.options.tuning;
    const since = this.doubtedSince ?? performance.now();
    return performance.now() - since >= (this.origin === 'file' ? doubtBesideFileMs : doubtMs);
  }

  private accept(list: NodeList, origin: ListOrigin): void {
    const last = this.list;
    if (last && isSameNetwork(last, list)) {
      this.list = { ...last, height: list.height, blockHash: list.blockHash };
      this.confirm(this.list, origin);
      return;
    }
    if (last) this.keepFormer(last);
    this.list = list;
    this.writtenAt = null;
    const { nodes, space, height } = list;
    this.logger.log({ msg: 'list of service nodes', origin, nodes: nodes.size, swarms: space.size, height });
    this.confirm(list, origin);
    this.tell(list);
  }

  private keepFormer(list: NodeList): void {
    const now = performance.now();
    this.former.push({ list, until: now + this.options.tuning.formerMs });
    // Bounded whatever the sources do; blocks come every two minutes.
    this.former = this.former.filter(({ until }) => until > now).slice(-MAX_FORMER);
  }

  private confirm(list: NodeList, origin: ListOrigin): void {
    if (this.origin === 'file')
      this.logger.log({ msg: 'the list of service nodes is no longer the one of the file', origin });
    this.origin = origin;
    this.confirmedAt = performance.now();
    this.doubtedSince = null;
    this.writing = this.writing.then(() => this.writeFile(list));
  }

  private tell(list: NodeList): void {
    for (const listener of this.listeners) listener(list);
  }

  private async readFile(): Promise<void> {
    const { file } = this.options;
    const found = await file.read(this.isAllowed);
    if (!found) return;
    if ('problem' in found) {
      const reason = `NODE_LIST_FILE (${resolve(file.path)}) ${found.problem}`;
      this.logger.warn({ msg: 'the saved list of service nodes cannot be used, a source is waited for', reason });
      return;
    }
    this.list = found.list;
    this.origin = 'file';
    this.confirmedAt = performance.now() - Math.max(0, Date.now() - found.savedAt);
    this.logger.warn({
      msg: 'the list of service nodes is the last good one of the file until a source answers',
      nodes: found.list.nodes.size,
      ageMinutes: Math.round((performance.now() - this.confirmedAt) / 60_000),
    });
    this.tell(found.list);
  }

  private async writeFile(list: NodeList): Promise<void> {
    const now = performance.now();
    if (this.writtenAt !== null && now - this.writtenAt < this.options.tuning.rewriteMs) return;
    this.writtenAt = now;
    try {
      await this.options.file.write(list);
    } catch (error) {
      this.logger.error({ msg: 'the list of service nodes cannot be saved', error: describeError(error) });
    }
  }

  /** Logs a failure of a source when it is another one than the last time. */
  private note(source: string, refusal: Refusal): void {
    if (this.failures.get(source) !== refusal)
      this.logger.warn({ msg: 'a source gave no list of service nodes', source, reason: refusal });
    this.failures.set(source, refusal);
  }

  private readonly isAllowed = (host: string): boolean => !this.options.publicAddressesOnly || isPublicAddress(host);
}
