import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startSwarmNetwork, type SwarmNetwork } from '../gateways/swarm/network.js';
import { Notifier, play, type Stage, Wanderer } from '../test/support/load/actors.js';
import { Correspondent, type NetworkStage } from '../test/support/load/correspondent.js';
import { type CountedGateways, startCountedGateways } from '../test/support/load/counted-gateways.js';
import { DeliveryLedger, type DeliverySummary } from '../test/support/load/delivery-ledger.js';
import { LoadClient, type Tally } from '../test/support/load/load-client.js';
import { PrivateStorages, type PrivateStorage } from '../test/support/load/private-storages.js';
import { RegistryLedger } from '../test/support/load/registry-ledger.js';
import { residentMb } from '../test/support/load/resident-memory.js';
import { readStoredState, withContent } from '../test/support/load/stored-state.js';
import { SealedPhones } from '../test/support/load/sealed-phones.js';
import { SupervisedServer } from '../test/support/load/supervised-server.js';
import { query } from '../test/support/query.js';
import { PushHostVandal } from './push-host-vandal.js';
import { QuietSwarm } from './quiet-swarm.js';
import { Vandal } from './vandal.js';

export interface SoakOptions {
  readonly minutes: number;
  readonly pauseMs: number;
  readonly database: 'sqlite' | 'mariadb';
}

export interface SoakProgress {
  readonly seconds: number;
  /** The fault under way. */
  readonly doing: string;
  readonly client: Tally;
  /** Notifications that have not reached all their phones. */
  readonly pending: number;
  /** Null while it is not running. */
  readonly memoryMb: number | null;
}

export interface SoakResult {
  readonly client: Tally;
  readonly deliveries: DeliverySummary;
  /** Pushes that the server says it left out beside those that it sent without content, by provider and reason. */
  readonly collapsed: ReadonlyMap<string, number>;
  /** Messages that nodes reported. */
  readonly reported: number;
  /** Those of nodes that nobody disturbed, after a time in which they forget what is not renewed. */
  readonly reportedAfterLapse: number;
  /** Pushes that reached phones without Google. */
  readonly withoutGoogle: number;
  readonly malformed: number;
  readonly memory: { startMb: number; endMb: number };
  readonly faults: { kills: number; stops: number; outages: number; nodes: number };
  /** How often the push servers of phones without Google answered otherwise than by taking a push. */
  readonly hostAnswers: Readonly<Record<(typeof HOST_ANSWERS)[number], number>>;
  /** Their endpoints that were given up, and those of them that nobody is subscribed with any more. */
  readonly endpoints: { ended: number; forgotten: number };
  /** Empty = all is well. */
  readonly problems: string[];
}

/** Small, so that nothing but a leak makes the process grow; with room for what is in flight to four providers and from the network. */
const HEAP = { NODE_OPTIONS: '--max-old-space-size=128 --max-semi-space-size=4' };
const NOTIFIERS = 6;
const WANDERERS = 8;
const VANDALS = 2;
const CORRESPONDENTS = 2;
/** As the stand-in names them. */
const HOST_ANSWERS = ['503', '429', '410', '404', 'stall'] as const;
/** Of phones without Google. */
const PUSH_HOSTS = 3;
/** Of people each client writes to: a phone gets a burst of pushes whole, and then one a second. */
const [PAIRS_EACH, ACCOUNTS_EACH] = [30, 15];
const PROGRESS_MS = 5000;
/** Shares of the time after which the server is not restarted, memory is measured, and gateways stay. */
const [LAST_RESTART, FIRST_MEASUREMENT, LAST_OUTAGE] = [0.65, 0.75, 0.9];
/** A run that is too short for that keeps the usual share. */
const EARLIEST_LAST_RESTART = 0.05;
/** After an outage a provider is asked again within a minute. */
const DELIVERED_WITHIN_MS = 180_000;
const MAX_GROWTH_MB = 70;
/** Of what is lost, and of each token; endpoints are the longest. */
const [LOST_SHOWN, LOST_CHARACTERS] = [10, 40];

const between = (min: number, max: number): number => min + Math.random() * (max - min);

/** One run, from the first start of the server to the comparison with what it has stored. */
class Soak {
  private readonly faults = { kills: 0, stops: 0, outages: 0, nodes: 0 };
  private readonly vandals: Vandal[];
  private readonly quiet: QuietSwarm;
  private began = Date.now();
  private doing = '';
  private correspondents: Correspondent[] = [];

  constructor(
    private readonly totalMs: number,
    private readonly stage: Stage,
    private readonly server: SupervisedServer,
    private readonly gateways: CountedGateways,
    private readonly storage: PrivateStorage,
    private readonly network: SwarmNetwork,
    private readonly phones: SealedPhones,
  ) {
    this.vandals = Array.from({ length: VANDALS }, () => new Vandal(server));
    this.quiet = new QuietSwarm(network);
  }

  async run(pauseMs: number, report: (progress: SoakProgress) => void): Promise<SoakResult> {
    await this.server.start();
    const notifiers = Array.from({ length: NOTIFIERS }, () => new Notifier(this.stage, PAIRS_EACH));
    this.correspondents = this.makeCorrespondents();
    const hostVandal = new PushHostVandal(this.gateways.pushHosts, this.correspondents);
    await Promise.all([...notifiers, ...this.correspondents].map((one) => one.settle()));
    // On a slow machine they have taken a while.
    this.began = Date.now();
    const wanderers = Array.from({ length: WANDERERS }, () => new Wanderer(this.stage));
    const load = play([...notifiers, ...wanderers, ...this.vandals, ...this.correspondents], pauseMs);
    const progress = setInterval(() => report(this.progress()), PROGRESS_MS);
    const outages = Promise.all([this.breakGateways(), this.breakNodes(), this.breakPushHosts(hostVandal)]);
    await this.restart();
    const startMb = await this.after(FIRST_MEASUREMENT, () => this.memoryMb());
    await this.after(1, () => load.stop());
    await outages;
    await this.untilDelivered();
    const endMb = this.memoryMb();
    clearInterval(progress);
    await this.server.stop();
    await this.compareStored();
    const forgotten = await this.countForgotten(hostVandal.ended);
    return this.result({ startMb, endMb }, { ended: hostVandal.ended.length, forgotten });
  }

  private makeCorrespondents(): Correspondent[] {
    const { server, network, phones } = this;
    const { deliveries } = this.stage;
    const newEndpoint = () => this.gateways.newEndpoint();
    // The server has time to connect after its last start.
    const isSteady = () => this.left(FIRST_MEASUREMENT) === 0;
    const stage: NetworkStage = { server, network, phones, deliveries, isSteady, newEndpoint, undisturbed: this.quiet };
    return Array.from({ length: CORRESPONDENTS }, () => new Correspondent(stage, ACCOUNTS_EACH));
  }

  private left(share: number): number {
    return Math.max(0, this.began + share * this.totalMs - Date.now());
  }

  private async after<T>(share: number, then: () => T): Promise<Awaited<T>> {
    await sleep(this.left(share));
    return await then();
  }

  private async breakGateways(): Promise<void> {
    const { all } = this.gateways;
    while (this.left(LAST_OUTAGE) > 0) {
      await sleep(between(3000, 12_000));
      const gateway = all[Math.floor(Math.random() * all.length)];
      this.faults.outages++;
      this.doing = 'a push service is away';
      await gateway?.stopListening();
      await sleep(between(1000, 8000));
      await gateway?.listenAgain();
      this.doing = '';
    }
  }

  /** One node at a time of the disturbed swarms, so that the other members of its swarm go on reporting. */
  private async breakNodes(): Promise<void> {
    while (this.left(LAST_OUTAGE) > 0) {
      await sleep(between(2000, 8000));
      const { others: members } = this.quiet;
      const member = members[Math.floor(Math.random() * members.length)];
      if (!member) return;
      this.faults.nodes++;
      switch (Math.floor(Math.random() * 3)) {
        case 0:
          member.node.stop();
          await sleep(between(500, 4000));
          await member.node.start();
          break;
        case 1:
          await member.proxy.be('frozen');
          await sleep(between(500, 4000));
          await member.proxy.be('pass');
          break;
        default:
          member.proxy.cut();
      }
    }
  }

  private async breakPushHosts(vandal: PushHostVandal): Promise<void> {
    while (this.left(LAST_OUTAGE) > 0) {
      await sleep(between(500, 3000));
      await vandal.act();
    }
  }

  private async restart(): Promise<void> {
    while (this.left(this.lastRestart) > 0) {
      await sleep(Math.min(between(2000, 20_000), this.totalMs / 10));
      if (Math.random() < 0.5) {
        this.faults.kills++;
        await this.server.kill();
      } else {
        this.faults.stops++;
        await this.server.stop();
      }
      await this.compareStored();
      await this.server.start();
      this.quiet.restarted();
    }
  }

  /** A long run has a last life in which nodes forget what is not renewed. */
  private get showsLapse(): boolean {
    return this.earlyLastRestart >= EARLIEST_LAST_RESTART;
  }

  private get lastRestart(): number {
    return this.showsLapse ? Math.min(this.earlyLastRestart, LAST_RESTART) : LAST_RESTART;
  }

  private get earlyLastRestart(): number {
    return 1 - QuietSwarm.shownAfterMs / this.totalMs;
  }

  private async compareStored(): Promise<void> {
    const { registry, contradictions, deliveries } = this.stage;
    const stored = await readStoredState(this.storage.url);
    contradictions.push(...registry.differences(stored.registry));
    withContent(stored).forEach((data) => deliveries.queued(this.phones.reveal(data)));
  }

  /** Of endpoints that ended, those that nobody is subscribed with any more. */
  private async countForgotten(endpoints: readonly string[]): Promise<number> {
    const rows = await query(this.storage.url, 'SELECT token FROM subscriptions');
    const subscribed = new Set(rows.map(({ token }) => String(token)));
    return endpoints.filter((endpoint) => !subscribed.has(endpoint)).length;
  }

  private async untilDelivered(): Promise<void> {
    this.doing = 'waiting for the last pushes';
    const end = Date.now() + DELIVERED_WITHIN_MS;
    while (this.stage.deliveries.pending() > 0 && Date.now() < end) await sleep(100);
  }

  private memoryMb(): number {
    return residentMb(this.server.pid ?? 0);
  }

  private progress(): SoakProgress {
    return {
      seconds: (Date.now() - this.began) / 1000,
      doing: this.doing,
      client: this.stage.client.tally,
      pending: this.stage.deliveries.pending(),
      memoryMb: this.server.pid === undefined ? null : this.memoryMb(),
    };
  }

  private hostAnswers(): SoakResult['hostAnswers'] {
    const found = this.gateways.pushHosts.flatMap(({ counts }) => Object.entries(counts.outcomes));
    const times = (answer: string) =>
      found.reduce((sum, [outcome, count]) => (outcome.split(' ')[0] === answer ? sum + count : sum), 0);
    return Object.fromEntries(HOST_ANSWERS.map((answer) => [answer, times(answer)])) as SoakResult['hostAnswers'];
  }

  private lost(): string {
    const lost = this.stage.deliveries.lost().slice(0, LOST_SHOWN);
    return lost.map(({ token, seconds }) => `${token.slice(0, LOST_CHARACTERS)} at ${seconds.toFixed()} s`).join(', ');
  }

  private result(memory: SoakResult['memory'], endpoints: SoakResult['endpoints']): SoakResult {
    const { tally } = this.stage.client;
    const deliveries = this.stage.deliveries.summary();
    const growth = memory.endMb - memory.startMb;
    const leftOut = [...this.server.collapsed.values()].reduce((sum, count) => sum + count, 0);
    const failures: [boolean, string][] = [
      [deliveries.lost > 0, `${deliveries.lost} pushes of acknowledged notifications never arrived: ${this.lost()}`],
      [deliveries.strays > 0, `${deliveries.strays} pushes were for nobody, or could not be opened`],
      [
        deliveries.collapsed > deliveries.wakeups + leftOut,
        `${deliveries.collapsed} pushes did not come, and only ${deliveries.wakeups + leftOut} can have been collapsed`,
      ],
      [deliveries.unexplained > 0, `${deliveries.unexplained} pushes came twice without a reason`],
      [tally.failed > 0, `${tally.failed} requests were answered with 5xx or an inner 500`],
      [this.showsLapse && this.quiet.reportedAfterLapse === 0, 'nobody reported anything after nodes forget'],
      [growth > MAX_GROWTH_MB, `memory grew by ${growth} MB`],
    ];
    return {
      client: tally,
      deliveries,
      collapsed: this.server.collapsed,
      reported: this.correspondents.reduce((sum, { reported }) => sum + reported, 0),
      reportedAfterLapse: this.quiet.reportedAfterLapse,
      withoutGoogle: this.gateways.pushHosts.reduce((sum, { counts }) => sum + counts.accepted, 0),
      malformed: this.vandals.reduce((sum, { sent }) => sum + sent, 0),
      memory,
      faults: this.faults,
      hostAnswers: this.hostAnswers(),
      endpoints,
      problems: [
        ...failures.flatMap(([failed, problem]) => (failed ? [problem] : [])),
        ...this.stage.contradictions,
        ...this.quiet.problems,
        ...tally.unexpected,
        ...this.vandals.flatMap(({ problems }) => problems),
        ...this.server.complaints,
      ],
    };
  }
}

export async function runSoak(options: SoakOptions, report: (progress: SoakProgress) => void): Promise<SoakResult> {
  const folder = mkdtempSync(join(tmpdir(), 'spns-soak-'));
  const storages = new PrivateStorages(folder);
  const deliveries = new DeliveryLedger();
  const phones = new SealedPhones();
  const gateways = await startCountedGateways(deliveries, (body, token) => phones.reveal(body, token), PUSH_HOSTS);
  const network = await startSwarmNetwork();
  try {
    const storage = await storages.create(options.database);
    const env = { ...gateways.environment, ...network.environment, ...HEAP, ...storage.env };
    const server = new SupervisedServer(env, folder);
    const stage = { client: new LoadClient(server), registry: new RegistryLedger(), deliveries, contradictions: [] };
    const soak = new Soak(options.minutes * 60_000, stage, server, gateways, storage, network, phones);
    return await soak.run(options.pauseMs, report);
  } finally {
    await Promise.all([gateways.close(), network.close()]);
    await storages.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
