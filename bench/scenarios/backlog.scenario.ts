import { type Bench } from '../bench.js';
import { type BenchDatabase } from '../database/bench-database.js';
import { seedPopulation, seedQueue } from '../database/seed.js';
import { inAllCiphers } from '../load/loads.js';
import { untilQueueIsEmpty } from '../measure/delivery-round.js';
import { monotonicMs } from '../measure/clock.js';
import { inTurn } from '../measure/in-turn.js';
import { cpuMs, peakMb, residentMb } from '../measure/process-usage.js';
import { measureRound } from '../measure/round.js';
import { showNumber, showSpread, spreadOf } from '../measure/spread.js';
import { judge, type Section } from '../report/section.js';

const MAX_GROWTH = 1.1;
/** Few enough for each that nothing counts as a flood for one recipient. */
const NOTIFICATIONS_PER_ID = 10;

/** Many notifications in the queue, on SQLite: what accepting costs beside them, and how they are worked off. */
export async function backlog(bench: Bench): Promise<Section> {
  const count = bench.options.backlog;
  const population = { ids: Math.ceil(count / NOTIFICATIONS_PER_ID), groups: 0 };
  const empty = await bench.createDatabase('sqlite');
  await seedPopulation(empty, population, bench.progress);
  const full = await bench.createDatabase('sqlite');
  await seedPopulation(full, population, bench.progress);
  bench.progress(`backlog: queueing ${showNumber(count)} notifications`);
  const firstSequence = bench.generator.takeSequences(count);
  const pushes = await seedQueue(full, population, { count, firstSequence }, bench.progress);
  const drained = await drain(bench, full, { count, firstSequence, pushes });
  // Draining emptied it.
  await seedQueue(full, population, { count, firstSequence: bench.generator.takeSequences(count) }, bench.progress);
  const accepting = await acceptBeside(bench, population.ids, empty, full);
  await empty.drop();
  await full.drop();
  const queued = `${showNumber(count)} queued`;
  return {
    name: 'backlog',
    parts: [
      { columns: ['accepting notify', 'none queued', queued, 'ratio', 'target'], rows: accepting },
      `A start with ${queued}:`,
      { columns: ['start to listening, s', 'delivered/s', 'CPU µs each', 'most memory MB'], rows: [drained] },
    ],
  };
}

async function drain(
  bench: Bench,
  database: BenchDatabase,
  { count, firstSequence, pushes }: { count: number; firstSequence: number; pushes: number },
): Promise<string[]> {
  const { gateways, progress } = bench;
  await gateways.expect({ firstSequence, count });
  const startedAt = monotonicMs();
  const server = await bench.startServer(database);
  let reported = 0;
  const lastPushAt = await gateways.received(pushes, (received) => {
    if (received - reported < pushes / 4) return;
    reported = received;
    progress(`backlog: ${showNumber(received)} of ${showNumber(pushes)} pushes`);
  });
  await untilQueueIsEmpty(database);
  const row = [
    showNumber(server.startMs / 1000, 2),
    showNumber((count * 1000) / (lastPushAt - startedAt - server.startMs)),
    showNumber((cpuMs(server.pid) * 1000) / count),
    showNumber(peakMb(server.pid)),
  ];
  await server.stop();
  return row;
}

/** CPU time and memory of two servers whose delivery is held, one with an empty queue and one with a full one. */
async function acceptBeside(bench: Bench, ids: number, empty: BenchDatabase, full: BenchDatabase): Promise<string[][]> {
  bench.progress('backlog: accepting beside it');
  const none = await bench.startHeldServer(empty);
  const many = await bench.startHeldServer(full);
  const batch = { shapes: inAllCiphers('notify'), population: { ids, groups: 0 } };
  const warmup = await bench.generator.prepare({ ...batch, count: bench.options.warmup });
  for (const server of [none, many]) await measureRound(bench.generator, server, warmup.count);
  const { rounds, requests } = bench.options;
  const cpu = await inTurn(
    rounds,
    () => bench.generator.prepare({ ...batch, count: requests }),
    async () => (await measureRound(bench.generator, none, requests)).cpuUs,
    async () => (await measureRound(bench.generator, many, requests)).cpuUs,
  );
  const [ofNone, ofMany] = [spreadOf(cpu.map(({ a }) => a)), spreadOf(cpu.map(({ b }) => b))];
  const ratio = spreadOf(cpu.map(({ a, b }) => b / a));
  const memory = [none, many].map(({ pid }) => residentMb(pid));
  await none.stop();
  await many.stop();
  return [
    ['CPU µs', showSpread(ofNone), showSpread(ofMany), showSpread(ratio, 2), judge(ratio.median, MAX_GROWTH)],
    ['memory MB', ...memory.map((mb) => showNumber(mb)), '', ''],
  ];
}
