import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Notifier, play, type Stage, Wanderer } from '../test/support/load/actors.js';
import { startCountedGateways } from '../test/support/load/counted-gateways.js';
import { DeliveryLedger, type DeliverySummary } from '../test/support/load/delivery-ledger.js';
import { LoadClient, type Tally } from '../test/support/load/load-client.js';
import { RegistryLedger } from '../test/support/load/registry-ledger.js';
import { readStoredState } from '../test/support/load/stored-state.js';
import { SupervisedServer } from '../test/support/load/supervised-server.js';
import { openStorage } from './storage.js';
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
  readonly requests: number;
  readonly acknowledged: number;
  readonly pending: number;
  readonly failed: number;
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
/** After an outage a provider is asked again within a minute. */
const DELIVERED_WITHIN_MS = 180_000;
/** With a small heap nothing but a leak makes the process grow. */
const SMALL_HEAP = { NODE_OPTIONS: '--max-old-space-size=96 --max-semi-space-size=4' };
const MAX_GROWTH_MB = 40;

const between = (min: number, max: number): number => min + Math.random() * (max - min);

export async function runSoak(options: SoakOptions, report: (progress: SoakProgress) => void): Promise<SoakResult> {
  const folder = mkdtempSync(join(tmpdir(), 'spns-soak-'));
  const storage = await openStorage(options.database, folder);
  const deliveries = new DeliveryLedger();
  const gateways = await startCountedGateways(deliveries);
  const server = new SupervisedServer({ ...gateways.environment, ...SMALL_HEAP, DATABASE_URL: storage.url }, folder);
  const client = new LoadClient(server);
  const stage: Stage = { client, registry: new RegistryLedger(), deliveries, contradictions: [] };
  const faults = { kills: 0, stops: 0, outages: 0 };
  const [began, totalMs] = [Date.now(), options.minutes * 60_000];
  const elapsed = (): number => Date.now() - began;
  let doing = '';

  const compareStored = async (): Promise<void> => {
    const { registry, queued } = await readStoredState(storage.url);
    stage.contradictions.push(...stage.registry.differences(registry));
    queued.forEach((data) => deliveries.mayRepeat(data));
  };

  const restart = async (): Promise<void> => {
    if (Math.random() < 0.5) {
      faults.kills++;
      await server.kill();
    } else {
      faults.stops++;
      await server.stop();
    }
    await compareStored();
    await server.start();
  };

  const breakGateways = async (endMs: number): Promise<void> => {
    while (elapsed() < endMs) {
      await sleep(between(3000, 12_000));
      const gateway = gateways.all[Math.floor(Math.random() * gateways.all.length)];
      faults.outages++;
      doing = 'a push service is away';
      await gateway?.stopListening();
      await sleep(between(1000, 8000));
      await gateway?.listenAgain();
      doing = '';
    }
  };

  await server.start();
  const notifiers = Array.from({ length: NOTIFIERS }, () => new Notifier(stage));
  await Promise.all(notifiers.map((notifier) => notifier.settle()));
  const wanderers = Array.from({ length: WANDERERS }, () => new Wanderer(stage));
  const vandals = Array.from({ length: VANDALS }, () => new Vandal(server));
  const load = play([...notifiers, ...wanderers, ...vandals], options.pauseMs);
  const progress = setInterval(() => {
    const { requests, acknowledged, failed } = client.tally;
    const memoryMb = server.pid === undefined ? null : residentMb(server.pid);
    report({
      seconds: elapsed() / 1000,
      doing,
      requests,
      acknowledged,
      failed,
      pending: deliveries.pending(),
      memoryMb,
    });
  }, PROGRESS_MS);

  const outages = breakGateways(totalMs * 0.9);
  while (elapsed() < totalMs * 0.66) {
    await sleep(Math.min(between(2000, 20_000), totalMs / 10));
    await restart();
  }
  await sleep(totalMs * 0.1);
  const startMb = residentMb(server.pid ?? 0);
  await sleep(Math.max(0, totalMs - elapsed()));
  await outages;
  await load.stop();
  doing = 'waiting for the last pushes';
  for (const end = Date.now() + DELIVERED_WITHIN_MS; deliveries.pending() > 0 && Date.now() < end;) await sleep(100);
  const endMb = residentMb(server.pid ?? 0);
  clearInterval(progress);
  await server.stop();
  await compareStored();
  await gateways.close();
  await storage.close();
  rmSync(folder, { recursive: true, force: true });

  const summary = deliveries.summary();
  const failures: [boolean, string][] = [
    [summary.lost > 0, `${summary.lost} pushes of acknowledged notifications never arrived`],
    [summary.strays > 0, `${summary.strays} pushes were for nobody`],
    [client.tally.failed > 0, `${client.tally.failed} requests were answered with 5xx or an inner 500`],
    [endMb - startMb > MAX_GROWTH_MB, `memory grew by ${endMb - startMb} MB`],
  ];
  return {
    client: client.tally,
    deliveries: summary,
    malformed: vandals.reduce((sum, { sent }) => sum + sent, 0),
    memory: { startMb, endMb },
    faults,
    problems: [
      ...failures.flatMap(([failed, problem]) => (failed ? [problem] : [])),
      ...stage.contradictions,
      ...client.tally.unexpected,
      ...vandals.flatMap(({ problems }) => problems),
      ...server.complaints,
    ],
  };
}

const residentMb = (pid: number): number =>
  Math.round(Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024);
