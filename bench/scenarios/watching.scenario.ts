import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DEFAULT_WATCH_TUNING } from '../../src/swarms/watch/swarm-watch.js';
import { type Table } from '../../test/support/report/markdown-table.js';
import { type Bench } from '../bench.js';
import { type BenchDatabase } from '../database/bench-database.js';
import { seedSubscriptions } from '../database/seed.js';
import { subscriptionCountOf, phoneCountOf, type Subscribers, subscribersOf } from '../database/subscribers.js';
import { monotonicMs } from '../measure/clock.js';
import { untilQueueIsEmpty } from '../measure/delivery-round.js';
import { cpuMs, residentMb } from '../measure/process-usage.js';
import { percentile, showNumber, showSpread, spreadOf } from '../measure/spread.js';
import { judge, type Section } from '../report/section.js';
import { type StartedServer } from '../servers/target.js';
import { WatchedNetwork } from '../servers/watched-network.js';

const MAX_START_S = 2;
const MAX_TELLING_S = 60;
const MAX_MEMORY_MB = 400;
const MAX_RENEWAL_PERCENT = 3;
const MAX_REPORT_US = 400;
const MAX_GROWTH = 1.1;
const MAX_P50_MS = 20;

/** As fast as the nodes can. */
const FLAT_OUT = 1_000_000;
/** A message of some lines, padded as apps do. */
const MESSAGE_BYTES = 1000;
const REST_MS = 10_000;

/** A server and whom it watches. */
interface Side {
  readonly subscribers: Subscribers;
  readonly database: BenchDatabase;
  readonly server: StartedServer;
  /** CPU time until every node had been told everything. */
  readonly tellingS: number;
  readonly tellingWallS: number;
  readonly memoryMb: number;
  /** Of a core, while there is nothing to do but to keep the lines. */
  readonly atRestPercent: number;
}

/** What a message costs on two servers that watch the same accounts. */
interface ReportRound {
  readonly perSecond: number;
  readonly cpuUs: readonly [few: number, many: number];
}

/** Telling storage nodes of few and of many subscriptions, and what becomes of the messages that they report; on SQLite. */
export async function watching(bench: Bench): Promise<Section> {
  const { options, progress } = bench;
  const network = await WatchedNetwork.start(options.swarms);
  const many = await openSide(bench, network, subscribersOf(options.subscriptions));
  const fewest = Math.ceil((Math.max(options.requests, options.warmup) * 10) / 9);
  const few = await openSide(bench, network, subscribersOf(Math.min(fewest, options.subscriptions)));
  await measureReports(bench, network, few, many, options.warmup);
  const rounds: ReportRound[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    progress(`watching: messages, round ${round} of ${options.rounds}`);
    rounds.push(await measureReports(bench, network, few, many, options.requests));
  }
  await few.server.stop();
  const halfLoad = await measureHalfLoad(bench, network, many, few.subscribers);
  const subscribing = await measureSubscribing(bench, network, many);
  const parts = [
    `${showNumber(network.nodes)} storage nodes in ${showNumber(network.swarms)} swarms:`,
    tellingTable([few, many]),
    'Everything is told again once in 45 to 55 minutes. Messages, each reported by six nodes and pushed to 1.1 phones:',
    reportTable([few, many], rounds),
    'At half of the speed at which one server pushes messages:',
    halfLoad,
    subscribing,
  ];
  await many.server.stop();
  await network.close();
  for (const { database } of [few, many]) await database.drop();
  return { name: 'watching', parts };
}

async function openSide(bench: Bench, network: WatchedNetwork, subscribers: Subscribers): Promise<Side> {
  const database = await bench.createDatabase('sqlite');
  const count = showNumber(subscriptionCountOf(subscribers));
  bench.progress(`watching: registering ${count} subscriptions`);
  await seedSubscriptions(database, subscribers, bench.progress);
  const own = join(bench.folder, String(subscribers.accounts));
  writeFileSync(`${own}.key`, randomBytes(32), { mode: 0o600 });
  const before = await network.counts();
  const startedAt = monotonicMs();
  const files = {
    SWARM_KEY_FILE: `${own}.key`,
    NODE_LIST_FILE: `${own}.json`,
  };
  const server = await bench.startServer(database, { ...network.environment, ...files });
  bench.progress(`watching: telling the nodes of ${count} subscriptions`);
  await network.toldAll(subscribers, before);
  const tellingWallS = (monotonicMs() - startedAt) / 1000;
  const tellingS = cpuMs(server.pid) / 1000;
  const memoryMb = residentMb(server.pid);
  await sleep(REST_MS);
  const atRestPercent = ((cpuMs(server.pid) / 1000 - tellingS) * 100_000) / REST_MS;
  return { subscribers, database, server, tellingS, tellingWallS, memoryMb, atRestPercent };
}

/** Messages for accounts that both servers watch, at the same time. */
async function measureReports(
  bench: Bench,
  network: WatchedNetwork,
  few: Side,
  many: Side,
  count: number,
): Promise<ReportRound> {
  const accounts = numbersUpTo(Math.min(count, few.subscribers.accounts));
  const cpu = () => [few, many].map(({ server }) => cpuMs(server.pid));
  await bench.gateways.expect({ firstSequence: 0, count: accounts.length });
  const before = cpu();
  const startedAt = monotonicMs();
  await network.store(accounts, FLAT_OUT, MESSAGE_BYTES);
  const lastPushAt = await bench.gateways.received(2 * pushesOf(accounts));
  for (const { database } of [few, many]) await untilQueueIsEmpty(database);
  const [ofFew = NaN, ofMany = NaN] = cpu().map((ms, side) => ((ms - (before[side] ?? NaN)) * 1000) / accounts.length);
  return { perSecond: (accounts.length * 1000) / (lastPushAt - startedAt), cpuUs: [ofFew, ofMany] };
}

async function measureHalfLoad(
  { gateways, options, progress }: Bench,
  network: WatchedNetwork,
  many: Side,
  { accounts: watched }: Subscribers,
): Promise<Table> {
  const accounts = numbersUpTo(Math.min(options.requests, watched));
  await gateways.expect({ firstSequence: 0, count: accounts.length });
  const startedAt = monotonicMs();
  await network.store(accounts, FLAT_OUT, MESSAGE_BYTES);
  const endedAt = await gateways.received(pushesOf(accounts));
  const rate = (accounts.length * 1000) / (endedAt - startedAt) / 2;
  const some = numbersUpTo(Math.min(Math.ceil(rate * options.seconds), watched));
  progress(`watching: ${showNumber(some.length)} messages at ${showNumber(rate)}/s`);
  await gateways.expect({ firstSequence: 0, count: some.length });
  const cpuBefore = cpuMs(many.server.pid);
  const storedAt = await network.store(some, rate, MESSAGE_BYTES);
  await gateways.received(pushesOf(some));
  const arrivals = await gateways.arrivals();
  await untilQueueIsEmpty(many.database);
  const cpuUs = ((cpuMs(many.server.pid) - cpuBefore) * 1000) / some.length;
  const onTheWay = Float64Array.from(arrivals, (time, index) => time - (storedAt[index] ?? NaN)).toSorted();
  const p50 = percentile(onTheWay, 0.5);
  return {
    columns: ['messages/s', 'CPU µs', 'memory MB', 'report to gateway: p50 ms', 'p99 ms', 'target'],
    rows: [
      [
        showNumber(rate),
        showNumber(cpuUs),
        showNumber(residentMb(many.server.pid)),
        showNumber(p50, 1),
        showNumber(percentile(onTheWay, 0.99), 1),
        judge(p50, MAX_P50_MS, ' ms'),
      ],
    ],
  };
}

/** New subscriptions, each to an account of its own. */
async function measureSubscribing(bench: Bench, network: WatchedNetwork, { server }: Side): Promise<string> {
  bench.progress('watching: subscribing');
  const count = bench.options.requests;
  const shapes = [{ command: 'subscribe', version: 'v4', encType: 'xchacha20' } as const];
  await bench.generator.prepare({ shapes, population: { ids: 0, groups: 0 }, count });
  const before = await network.counts();
  const cpuBefore = cpuMs(server.pid);
  await bench.generator.run(server.port);
  await bench.generator.check();
  await network.toldOf(count, before);
  const cpuUs = ((cpuMs(server.pid) - cpuBefore) * 1000) / count;
  return `A new subscription, stored, answered and told to its six nodes: ${showNumber(cpuUs)} µs of CPU.`;
}

function tellingTable(sides: readonly Side[]): Table {
  const renewMs = DEFAULT_WATCH_TUNING.renewMs[0];
  return {
    columns: [
      ...['subscriptions', 'accounts', 'start to listening, s', 'target', 'all told after: CPU s', 'target', 's'],
      ...['memory MB', 'target', 'telling again, % of a core', 'target', 'at rest, % of a core'],
    ],
    rows: sides.map(({ subscribers, server: { startMs }, tellingS, tellingWallS, memoryMb, atRestPercent }) => {
      const percent = (tellingS * 100_000) / renewMs;
      return [
        showNumber(subscriptionCountOf(subscribers)),
        showNumber(subscribers.accounts),
        showNumber(startMs / 1000, 2),
        judge(startMs / 1000, MAX_START_S, ' s'),
        showNumber(tellingS, 1),
        judge(tellingS, MAX_TELLING_S, ' s'),
        showNumber(tellingWallS, 1),
        showNumber(memoryMb),
        judge(memoryMb, MAX_MEMORY_MB, ' MB'),
        showNumber(percent, 2),
        judge(percent, MAX_RENEWAL_PERCENT, ' %'),
        showNumber(atRestPercent, 1),
      ];
    }),
  };
}

function reportTable([few, many]: readonly [Side, Side], rounds: readonly ReportRound[]): Table {
  const [ofFew, ofMany] = [0, 1].map((side) => spreadOf(rounds.map(({ cpuUs }) => cpuUs[side] ?? NaN)));
  const ratio = spreadOf(rounds.map(({ cpuUs: [few, many] }) => many / few));
  const label = ({ subscribers }: Side) => `${showNumber(subscriptionCountOf(subscribers))} subscriptions: CPU µs`;
  if (!ofFew || !ofMany) throw new Error('there were no rounds');
  return {
    columns: ['messages/s to both', label(few), label(many), 'target', 'ratio', 'target'],
    rows: [
      [
        showSpread(spreadOf(rounds.map(({ perSecond }) => perSecond))),
        showSpread(ofFew),
        showSpread(ofMany),
        judge(ofMany.median, MAX_REPORT_US, ' µs'),
        showSpread(ratio, 2),
        judge(ratio.median, MAX_GROWTH),
      ],
    ],
  };
}

const numbersUpTo = (count: number): number[] => Array.from({ length: count }, (_, number) => number);

const pushesOf = (accounts: readonly number[]): number =>
  accounts.reduce((pushes, number) => pushes + phoneCountOf(number), 0);
