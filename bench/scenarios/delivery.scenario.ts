import { type Bench } from '../bench.js';
import { type BenchDatabase } from '../database/bench-database.js';
import { seedPopulation } from '../database/seed.js';
import { inAllCiphers, SMALL_POPULATION } from '../load/loads.js';
import { type DeliveryRound, measureDelivery, untilQueueIsEmpty } from '../measure/delivery-round.js';
import { residentMb } from '../measure/process-usage.js';
import { percentile, showNumber, showSpread, spreadOf } from '../measure/spread.js';
import { judge, type Section } from '../report/section.js';
import { type Target } from '../servers/target.js';

const SPEED = ['database', 'accepted/s', 'delivered/s', 'CPU µs each', 'target', 'memory MB'];
const HALF_LOAD = [
  ...['database', 'notifications/s', 'request to answer: p50 ms', 'p99 ms'],
  ...['answer to gateway: p50 ms', 'p99 ms', 'target'],
];
const BATCH = { shapes: inAllCiphers('notify'), population: SMALL_POPULATION };
const MAX_CPU_US = 320;
const MAX_P50_MS = 20;

/** Notifications accepted, stored, looked up, sent and forgotten; then the way to the gateway at half of that speed. */
export async function delivery(bench: Bench): Promise<Section> {
  const speed: string[][] = [];
  const halfLoad: string[][] = [];
  for (const kind of bench.databaseKinds) {
    const database = await bench.createDatabase(kind);
    await seedPopulation(database, SMALL_POPULATION, bench.progress);
    const server = await bench.startServer(database);
    const rounds = await measureSpeed(bench, server, database);
    const deliveredPerSecond = spreadOf(rounds.map((round) => round.deliveredPerSecond));
    const cpuUs = spreadOf(rounds.map((round) => round.cpuUs));
    speed.push([
      database.engine,
      showSpread(spreadOf(rounds.map((round) => round.acceptedPerSecond))),
      showSpread(deliveredPerSecond),
      showSpread(cpuUs),
      kind === 'sqlite' ? judge(cpuUs.median, MAX_CPU_US, ' µs') : '',
      showNumber(residentMb(server.pid)),
    ]);
    halfLoad.push(await measureHalfLoad(bench, server, database, deliveredPerSecond.median / 2));
    await server.stop();
    await database.drop();
  }
  const { gatewayLatencyMs } = bench.options;
  return {
    name: 'delivery',
    parts: [
      `1.2 devices for each id; the gateways answer after ${gatewayLatencyMs} ms.`,
      { columns: SPEED, rows: speed },
      'At half of the delivered speed:',
      { columns: HALF_LOAD, rows: halfLoad },
    ],
  };
}

async function measureSpeed(bench: Bench, server: Target, database: BenchDatabase): Promise<DeliveryRound[]> {
  const { generator, options, progress } = bench;
  progress(`delivery on ${database.kind}: warming up`);
  await measureDelivery(bench, server, database, await generator.prepare({ ...BATCH, count: options.warmup }));
  const rounds: DeliveryRound[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    progress(`delivery on ${database.kind}: round ${round} of ${options.rounds}`);
    const batch = await generator.prepare({ ...BATCH, count: options.requests });
    rounds.push(await measureDelivery(bench, server, database, batch));
  }
  return rounds;
}

async function measureHalfLoad(
  { generator, gateways, options, progress }: Bench,
  server: Target,
  database: BenchDatabase,
  ratePerSecond: number,
): Promise<string[]> {
  progress(`delivery on ${database.kind}: ${options.seconds} s at ${showNumber(ratePerSecond)} notifications/s`);
  const batch = await generator.prepare({ ...BATCH, count: Math.ceil(ratePerSecond * options.seconds) });
  await gateways.expect(batch);
  const { dueAt, answeredAt } = await generator.run(server.port, ratePerSecond);
  await gateways.received(batch.pushes);
  const arrivals = await gateways.arrivals();
  await generator.check();
  await untilQueueIsEmpty(database);
  const answering = answeredAt.map((time, index) => time - (dueAt[index] ?? NaN)).toSorted();
  const onTheWay = arrivals.map((time, index) => time - (answeredAt[index] ?? NaN)).toSorted();
  const p50 = percentile(onTheWay, 0.5);
  return [
    database.engine,
    showNumber(ratePerSecond),
    showNumber(percentile(answering, 0.5), 1),
    showNumber(percentile(answering, 0.99), 1),
    showNumber(p50, 1),
    showNumber(percentile(onTheWay, 0.99), 1),
    judge(p50, MAX_P50_MS, ' ms'),
  ];
}
