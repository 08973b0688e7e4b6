import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Notifier, play, type Stage, Wanderer } from '../test/support/load/actors.js';
import { type CountedGateways, startCountedGateways } from '../test/support/load/counted-gateways.js';
import { DeliveryLedger, type DeliverySummary } from '../test/support/load/delivery-ledger.js';
import { LoadClient, type Tally } from '../test/support/load/load-client.js';
import { RegistryLedger } from '../test/support/load/registry-ledger.js';
import { residentMb, SMALL_HEAP } from '../test/support/load/resident-memory.js';
import { readStoredState } from '../test/support/load/stored-state.js';
import { SupervisedServer } from '../test/support/load/supervised-server.js';
import { openStorage, type SoakStorage } from './storage.js';
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
  readonly malformed: number;
  readonly memory: { startMb: number; endMb: number };
  readonly faults: { kills: number; stops: number; outages: number };
  /** Empty = all is well. */
  readonly problems: string[];
}

const NOTIFIERS = 6;
const WANDERERS = 8;
const VANDALS = 2;
const PROGRESS_MS = 5000;
/** Shares of the time after which the server is not restarted, memory is measured, and gateways stay. */
const [LAST_RESTART, FIRST_MEASUREMENT, LAST_OUTAGE] = [0.65, 0.75, 0.9];
/** After an outage a provider is asked again within a minute. */
const DELIVERED_WITHIN_MS = 180_000;
const MAX_GROWTH_MB = 40;

const between = (min: number, max: number): number => min + Math.random() * (max - min);

/** One run, from the first start of the server to the comparison with what it has stored. */
class Soak {
  private readonly faults = { kills: 0, stops: 0, outages: 0 };
  private readonly vandals: Vandal[];
  private readonly began = Date.now();
  private doing = '';

  constructor(
    private readonly totalMs: number,
    private readonly stage: Stage,
    private readonly server: SupervisedServer,
    private readonly gateways: CountedGateways,
    private readonly storage: SoakStorage,
  ) {
    this.vandals = Array.from({ length: VANDALS }, () => new Vandal(server));
  }

  async run(pauseMs: number, report: (progress: SoakProgress) => void): Promise<SoakResult> {
    await this.server.start();
    const notifiers = Array.from({ length: NOTIFIERS }, () => new Notifier(this.stage));
    await Promise.all(notifiers.map((notifier) => notifier.settle()));
    const wanderers = Array.from({ length: WANDERERS }, () => new Wanderer(this.stage));
    const load = play([...notifiers, ...wanderers, ...this.vandals], pauseMs);
    const progress = setInterval(() => report(this.progress()), PROGRESS_MS);
    const outages = this.breakGateways();
    await this.restart();
    const startMb = await this.after(FIRST_MEASUREMENT, () => this.memoryMb());
    await this.after(1, () => load.stop());
    await outages;
    await this.untilDelivered();
    const endMb = this.memoryMb();
    clearInterval(progress);
    await this.server.stop();
    await this.compareStored();
    return this.result({ startMb, endMb });
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

  private async restart(): Promise<void> {
    while (this.left(LAST_RESTART) > 0) {
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
    }
  }

  private async compareStored(): Promise<void> {
    const { registry, contradictions, deliveries } = this.stage;
    const stored = await readStoredState(this.storage.url);
    contradictions.push(...registry.differences(stored.registry));
    stored.queued.forEach((data) => deliveries.mayRepeat(data));
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

  private result(memory: SoakResult['memory']): SoakResult {
    const { tally } = this.stage.client;
    const deliveries = this.stage.deliveries.summary();
    const growth = memory.endMb - memory.startMb;
    const failures: [boolean, string][] = [
      [deliveries.lost > 0, `${deliveries.lost} pushes of acknowledged notifications never arrived`],
      [deliveries.strays > 0, `${deliveries.strays} pushes were for nobody`],
      [tally.failed > 0, `${tally.failed} requests were answered with 5xx or an inner 500`],
      [growth > MAX_GROWTH_MB, `memory grew by ${growth} MB`],
    ];
    return {
      client: tally,
      deliveries,
      malformed: this.vandals.reduce((sum, { sent }) => sum + sent, 0),
      memory,
      faults: this.faults,
      problems: [
        ...failures.flatMap(([failed, problem]) => (failed ? [problem] : [])),
        ...this.stage.contradictions,
        ...tally.unexpected,
        ...this.vandals.flatMap(({ problems }) => problems),
        ...this.server.complaints,
      ],
    };
  }
}

export async function runSoak(options: SoakOptions, report: (progress: SoakProgress) => void): Promise<SoakResult> {
  const folder = mkdtempSync(join(tmpdir(), 'spns-soak-'));
  const storage = await openStorage(options.database, folder);
  const deliveries = new DeliveryLedger();
  const gateways = await startCountedGateways(deliveries);
  try {
    const env = { ...gateways.environment, ...SMALL_HEAP, DATABASE_URL: storage.url };
    const server = new SupervisedServer(env, folder);
    const stage = { client: new LoadClient(server), registry: new RegistryLedger(), deliveries, contradictions: [] };
    const soak = new Soak(options.minutes * 60_000, stage, server, gateways, storage);
    return await soak.run(options.pauseMs, report);
  } finally {
    await gateways.close();
    await storage.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
