import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { FaultPlan } from '../faults.js';
import { asObject, parseObject } from '../messages.js';
import { btDict, type BtEntry, encodeBt } from './bt.js';
import { type Chain, type ListedNode } from './chain.js';
import { makeNodeKeys, type NodeKeys } from './keys.js';
import { encodeReport, makeMessage, type StoredMessage } from './messages.js';
import { encodeAnswers, type Judged, type MonitorCode, readMonitorRequest, refusalEntries } from './monitor-request.js';
import { answerListRequest, type Lie } from './node-list.js';
import { type Call, type OmqCommand, OmqListener } from './omq-listener.js';
import { type Frames } from './omq-socket.js';
import { Subscriptions } from './subscriptions.js';
import { swarmFields, type SwarmHint } from './swarm-hint.js';

/** How long a subscription lasts unless it is asked for again. */
const SUBSCRIPTION_MS = 65 * 60_000;
/** The newest that a node remembers, for what is stored twice and for a replay. */
const MESSAGES_KEPT = 10_000;

/** What goes wrong with a `monitor.messages` request. */
export type MonitorFault =
  | { readonly kind: 'delay'; readonly delayMs: number }
  /** Never an answer. `taken` = the subscriptions count all the same. */
  | { readonly kind: 'silent'; readonly taken?: boolean }
  /** Every item is refused, or those of one account; with `whole` the request is, by a single dict. */
  | { readonly kind: 'refuse'; readonly code: MonitorCode; readonly account?: Buffer; readonly whole?: boolean }
  /** These parts, whatever was asked. */
  | { readonly kind: 'answer'; readonly parts: Frames };

type Refused = Extract<MonitorFault, { kind: 'refuse' }>;

export interface StorageNodeOptions {
  readonly chain: Chain;
  readonly keys?: NodeKeys;
  readonly subscriptionMs?: number;
  /** Storage servers from 2.11 say code 6 and `monitor_ended`; older ones let people wait for what goes elsewhere. */
  readonly tellsSwarmChanges?: boolean;
  readonly queueLimit?: number;
  readonly observed?: boolean;
  /** UTC epoch milliseconds. */
  readonly now?: () => number;
}

export interface Flood {
  readonly account: Buffer;
  readonly namespace?: number;
  readonly count: number;
  readonly dataBytes?: number;
}

/** A storage node: a CURVE listener that knows who wants to be told of which accounts, and tells them. */
export class StorageNode {
  /** By account (hex) or for the next ones. */
  readonly faults = new FaultPlan<MonitorFault>();
  tellsSwarmChanges: boolean;
  /** What it says of the list of nodes, when it is asked. */
  lie: Lie | undefined;
  keys: NodeKeys;
  readonly listener: OmqListener;
  readonly subscriptions: Subscriptions;
  private readonly now: () => number;
  private readonly messages = new Map<string, StoredMessage>();
  private missed: StoredMessage[] = [];
  private away = false;

  constructor(private readonly options: StorageNodeOptions) {
    this.now = options.now ?? Date.now;
    this.keys = options.keys ?? makeNodeKeys();
    this.tellsSwarmChanges = options.tellsSwarmChanges ?? true;
    this.subscriptions = new Subscriptions(options.subscriptionMs ?? SUBSCRIPTION_MS, this.now);
    const commands = new Map<string, OmqCommand>([
      ['monitor.messages', { kind: 'request', run: (call) => this.monitor(call) }],
      ['storage.oxend_request', { kind: 'request', run: (call) => this.oxendRequest(call) }],
    ]);
    const { queueLimit, observed } = options;
    this.listener = new OmqListener({ commands, secretKey: this.keys.secret, queueLimit, observed });
  }

  get port(): number {
    return this.listener.port;
  }

  /** What the list says of it; undefined = it is not listed. */
  get listed(): ListedNode | undefined {
    return this.options.chain.nodeWith(this.keys.ed25519);
  }

  get running(): boolean {
    return this.listener.open;
  }

  /** On the port that it had, if it had one. */
  start(): Promise<void> {
    return this.listener.listen(this.listener.address || undefined, this.keys.secret);
  }

  /** Lines are cut, new ones refused, and every subscription is forgotten. */
  stop(): void {
    this.listener.close();
    this.subscriptions.clear();
  }

  async restart(): Promise<void> {
    this.stop();
    await this.start();
  }

  /** Listens at another port, as a node that moved to another machine, and so without subscriptions. */
  async moveTo(address = 'tcp://127.0.0.1:*'): Promise<void> {
    this.stop();
    await this.listener.listen(address, this.keys.secret);
  }

  /** Has other keys from now on, whatever the list says. */
  async changeKeys(keys: NodeKeys = makeNodeKeys()): Promise<void> {
    this.keys = keys;
    await this.restart();
  }

  /** Takes no part in what is stored, although its lines live; see {@link catchUp}. */
  fallBehind(): void {
    this.away = true;
  }

  /** What other members stored while this one was away or behind arrives, and is reported late. */
  async catchUp(): Promise<void> {
    this.away = false;
    const { missed } = this;
    this.missed = [];
    for (const message of missed) await this.store(message);
  }

  /** Told by every member of the swarm, of what it has not stored yet. How many lines were told; null = it is away. */
  async store(message: StoredMessage): Promise<number | null> {
    if (this.away || !this.running) {
      this.missed.push(message);
      return null;
    }
    const key = `${message.account.toString('latin1')} ${message.hash}`;
    if (this.messages.has(key)) return 0;
    this.messages.set(key, message);
    if (this.messages.size > MESSAGES_KEPT) this.messages.delete(this.messages.keys().next().value ?? '');
    return this.report(message);
  }

  /** Tells those who asked for it, without storing anything: also twice, or of an account of another swarm. */
  async report(message: StoredMessage): Promise<number> {
    const listeners = this.subscriptions.listeners(message.account, message.namespace);
    const told = await Promise.all(
      listeners.map(({ route, data }) => this.listener.send(route, ['notify.message', encodeReport(message, data)])),
    );
    return told.filter(Boolean).length;
  }

  /** Says something to everybody who is connected, asked for or not. */
  async say(...frames: Frames): Promise<void> {
    await Promise.all(this.listener.lines.map((route) => this.listener.send(route, frames)));
  }

  /** Reports all that it remembers once more. */
  async replay(): Promise<void> {
    for (const message of this.messages.values()) await this.say('notify.message', encodeReport(message, true));
  }

  /** Reports messages that nobody has stored, as fast as the lines take them. */
  async flood({ account, namespace = 0, count, dataBytes = 1000 }: Flood): Promise<void> {
    for (let sent = 0; sent < count && this.running; sent++) {
      const message = makeMessage(account, namespace, randomBytes(dataBytes), { timestamp: this.now() });
      await this.say('notify.message', encodeReport(message, true));
      if (sent % 64 === 63) await sleep(0);
    }
  }

  /** The list changed: says goodbye to accounts that this node does not keep any more. */
  async followSwarms(): Promise<void> {
    if (!this.tellsSwarmChanges) return;
    const ended = this.subscriptions.endForeign((account) => this.keeps(account));
    for (const { account, routes } of ended) {
      const fields = { '@': account, errcode: 6, error: FOREIGN, ...swarmFields(this.hint(account)) };
      const part = encodeBt(btDict(fields));
      await Promise.all(routes.map((route) => this.listener.send(route, ['notify.monitor_ended', part])));
    }
  }

  private async monitor({ route, parts, reply }: Call): Promise<void> {
    const request = readMonitorRequest(parts[0] ?? Buffer.alloc(0), this.now());
    if ('refused' in request) return reply(request.refused);
    const accounts = request.items.flatMap((item) => ('watch' in item ? [item.watch.account.toString('hex')] : []));
    const fault = this.faults.take(accounts);
    if (fault?.kind === 'delay') await sleep(fault.delayMs);
    if (fault?.kind === 'answer') return reply(...fault.parts);
    if (fault?.kind === 'silent' && !fault.taken) return;
    if (fault?.kind === 'refuse' && fault.whole) {
      return reply(encodeBt({ dict: refusalEntries(fault.code, TEXTS[fault.code]) }));
    }
    const refused = fault?.kind === 'refuse' ? fault : undefined;
    const answers = request.items.map((item) => this.answer(route, item, refused));
    if (fault?.kind !== 'silent') reply(encodeAnswers(request.form, answers));
  }

  /** undefined = success. */
  private answer(route: Buffer, item: Judged, fault?: Refused): readonly BtEntry[] | undefined {
    if ('answer' in item) return item.answer;
    const { account } = item.watch;
    const refused = fault && (fault.account?.equals(account) ?? true);
    const code = refused ? fault.code : this.swarmCode(account);
    if (code === 6) return refusalEntries(6, FOREIGN, swarmFields(this.hint(account)));
    if (code !== undefined) return refusalEntries(code, TEXTS[code]);
    this.subscriptions.add(route, item.watch);
    return undefined;
  }

  private swarmCode(account: Buffer): 6 | 7 | undefined {
    if (!this.tellsSwarmChanges) return undefined;
    if (this.options.chain.swarmIds.length === 0) return 7;
    return this.keeps(account) ? undefined : 6;
  }

  private keeps(account: Buffer): boolean {
    return this.options.chain.swarmOf(account) === this.listed?.swarmId;
  }

  private hint(account: Buffer): SwarmHint {
    const { chain } = this.options;
    const swarmId = chain.swarmOf(account);
    return { swarmId, members: swarmId === null ? [] : chain.membersOf(swarmId) };
  }

  private oxendRequest({ parts, reply }: Call): void {
    const request = parseObject(parts[0] ?? '');
    if (request?.['endpoint'] !== 'get_service_nodes') return reply('400', 'Endpoint not allowed');
    const parameters = JSON.stringify(asObject(request['params']) ?? {});
    const { status, text } = answerListRequest({ chain: this.options.chain, lie: this.lie }, parameters);
    if (status === '200') reply(`{"result":${text}}`);
    else reply(status, text);
  }
}

const FOREIGN = 'The account does not belong to this swarm';

const TEXTS: Readonly<Record<MonitorCode, string>> = {
  1: 'Invalid arguments: told to say so',
  2: 'Invalid P= ed25519 public key',
  3: 'Invalid n= namespace list: namespaces must be ascending',
  4: 'Invalid t= signature timestamp: timestamp is too old',
  5: 'Signature verification failed',
  6: FOREIGN,
  7: 'No swarms are known yet',
};
