import { type Identity } from '../certificates.js';
import { type Block, type Chain } from './chain.js';
import { JsonRpcListener } from './json-rpc.js';
import { makeNodeKeys, type NodeKeys } from './keys.js';
import { answerListRequest, type Lie, type SwarmHex } from './node-list.js';
import { type Call, type OmqCommand, OmqListener } from './omq-listener.js';

const BLOCK_SUBSCRIPTION_MS = 30 * 60_000;

export interface OxendOptions {
  readonly chain: Chain;
  /** Of the plain listener; 0 = any free one. */
  readonly port?: number;
  /** Path of a socket file; left out = no ipc listener. */
  readonly ipcPath?: string;
  /** For https; left out = plain http. */
  readonly identity?: Identity;
  readonly blockSubscriptionMs?: number;
  readonly now?: () => number;
}

/** What goes wrong with requests: answered with 500, or not at all. */
export type OxendTrouble = 'fails' | 'silent';

interface BlockSubscriber {
  readonly listener: OmqListener;
  readonly route: Buffer;
  endsAt: number;
}

/** An oxend: the list of service nodes over OxenMQ (plain, ipc, curve) and JSON-RPC, and word of new blocks. */
export class Oxend {
  lie: Lie | undefined;
  trouble: OxendTrouble | undefined;
  swarmHex: SwarmHex = 'shortest';
  /** Requests for the list, over whatever. */
  listRequests = 0;
  readonly keys: NodeKeys = makeNodeKeys();
  readonly plain: OmqListener;
  readonly curve: OmqListener;
  readonly ipc: OmqListener;
  readonly http: JsonRpcListener;
  private readonly subscribers = new Map<string, BlockSubscriber>();
  private readonly now: () => number;

  constructor(private readonly options: OxendOptions) {
    this.now = options.now ?? Date.now;
    this.plain = this.listener(null);
    this.curve = this.listener(this.keys.secret);
    this.ipc = this.listener(null);
    this.http = new JsonRpcListener(options.identity, (parameters) => this.answer(parameters));
  }

  /** Its addresses, each in the form in which `NODE_LIST` takes it. */
  get sources(): Readonly<Record<'tcp' | 'curve' | 'ipc' | 'http', string>> {
    return {
      tcp: this.plain.address,
      curve: `${this.curve.address.replace('tcp:', 'curve:')}/${this.keys.x25519.toString('hex')}`,
      ipc: this.ipc.address,
      http: this.http.url,
    };
  }

  /** At the addresses that it had, if it had some. */
  async start(): Promise<void> {
    const { ipcPath, port } = this.options;
    await this.plain.listen(this.plain.address || `tcp://127.0.0.1:${port || '*'}`);
    await this.curve.listen(this.curve.address || undefined);
    if (ipcPath !== undefined) await this.ipc.listen(`ipc://${ipcPath}`);
    await this.http.listen();
  }

  /** Lines are cut, new ones refused, and nobody's wish to hear of blocks is remembered. */
  async stop(): Promise<void> {
    for (const listener of this.listeners) listener.close();
    this.subscribers.clear();
    await this.http.close();
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Tells those who asked for it. */
  announce({ height, hash }: Block): void {
    for (const { listener, route, endsAt } of this.subscribers.values()) {
      if (endsAt >= this.now()) void listener.send(route, ['notify.block', String(height), hash]);
    }
  }

  private get listeners(): readonly OmqListener[] {
    return [this.plain, this.curve, this.ipc];
  }

  private listener(secretKey: Buffer | null): OmqListener {
    const commands = new Map<string, OmqCommand>([
      ['ping.ping', { kind: 'request', run: (call) => this.unlessSilent(() => call.reply('pong')) }],
      ['rpc.get_service_nodes', { kind: 'request', run: (call) => this.unlessSilent(() => this.list(call)) }],
      ['sub.block', { kind: 'request', run: (call) => this.unlessSilent(() => this.subscribe(listener, call)) }],
    ]);
    const listener = new OmqListener({ commands, secretKey });
    return listener;
  }

  private unlessSilent(run: () => void): void {
    if (this.trouble !== 'silent') run();
  }

  private list({ parts, reply }: Call): void {
    const answer = this.answer(parts[0]?.toString() ?? '');
    if (answer) reply(answer.status, answer.text);
  }

  /** null = silence. */
  private answer(parameters: string): ReturnType<typeof answerListRequest> | null {
    this.listRequests++;
    if (this.trouble === 'silent') return null;
    if (this.trouble === 'fails') return { status: '500', text: 'An exception occurred while processing your request' };
    return answerListRequest({ chain: this.options.chain, lie: this.lie, swarmHex: this.swarmHex }, parameters);
  }

  private subscribe(listener: OmqListener, { route, reply }: Call): void {
    const key = `${this.listeners.indexOf(listener)} ${route.toString('latin1')}`;
    const known = this.subscribers.get(key);
    const already = known !== undefined && known.endsAt >= this.now();
    const endsAt = this.now() + (this.options.blockSubscriptionMs ?? BLOCK_SUBSCRIPTION_MS);
    this.subscribers.set(key, { listener, route, endsAt });
    reply(already ? 'ALREADY' : 'OK');
  }
}
