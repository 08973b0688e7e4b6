import { type Bench } from '../bench.js';
import { type BenchDatabase } from '../database/bench-database.js';
import { type Population } from '../database/population.js';
import { seedPopulation } from '../database/seed.js';
import { inAllCiphers, SMALL_POPULATION } from '../load/loads.js';
import { type BenchCommand } from '../load/load-orders.js';
import { measureDelivery } from '../measure/delivery-round.js';
import { inTurn } from '../measure/in-turn.js';
import { residentMb } from '../measure/process-usage.js';
import { measureRound } from '../measure/round.js';
import { showNumber, showSpread, type Spread, spreadOf } from '../measure/spread.js';
import { judge, type Section, type Table } from '../report/section.js';
import { type StartedServer } from '../servers/target.js';

const STARTS = 3;
const MAX_START_S = 2;
const MAX_MEMORY_MB = 200;
const MAX_GROWTH = 1.1;
/** A group of 10 makes 12 pushes of one notification. */
const PUSHES_OF_A_GROUP = 12;

/** A server on a population of its own. */
interface Side {
  readonly population: Population;
  readonly database: BenchDatabase;
  readonly server: StartedServer;
  readonly start: Spread;
  readonly memoryAtStart: number;
}

/** Start, memory and cost per request with few and with many registered ids, on SQLite. */
export async function scale(bench: Bench): Promise<Section> {
  const { ids, groups } = bench.options;
  const few = await openSide(bench, SMALL_POPULATION);
  const many = await openSide(bench, { ids, groups });
  const costs = {
    columns: ['CPU µs each', `${showNumber(few.population.ids)} ids`, `${showNumber(ids)} ids`, 'ratio', 'target'],
    rows: [
      await compare(bench, 'notify an id', 'notify', few, many, bench.options.requests),
      await compare(bench, 'notify a group of 10', 'notify-group', few, many, groupRequests(bench)),
      await compare(bench, 'register again', 'refresh', few, many, bench.options.requests),
    ],
  };
  const parts = [startTable([few, many]), 'Notifications are accepted, delivered and forgotten:', costs];
  for (const { server, database } of [few, many]) {
    await server.stop();
    await database.drop();
  }
  return { name: 'scale', parts };
}

async function openSide(bench: Bench, population: Population): Promise<Side> {
  const database = await bench.createDatabase('sqlite');
  bench.progress(`scale: registering ${showNumber(population.ids)} ids in ${showNumber(population.groups)} groups`);
  await seedPopulation(database, population, bench.progress);
  const starts: number[] = [];
  for (let start = 1; ; start++) {
    const server = await bench.startServer(database);
    starts.push(server.startMs / 1000);
    if (start === STARTS)
      return { population, database, server, start: spreadOf(starts), memoryAtStart: residentMb(server.pid) };
    await server.stop();
  }
}

async function compare(
  bench: Bench,
  name: string,
  command: BenchCommand,
  few: Side,
  many: Side,
  count: number,
): Promise<string[]> {
  bench.progress(`scale: ${name}`);
  for (const side of [few, many]) await measureCpu(bench, side, command, Math.min(count, bench.options.warmup));
  const rounds = await inTurn(
    bench.options.rounds,
    async () => {},
    () => measureCpu(bench, few, command, count),
    () => measureCpu(bench, many, command, count),
  );
  const ratio = spreadOf(rounds.map(({ a, b }) => b / a));
  return [
    name,
    showSpread(spreadOf(rounds.map(({ a }) => a))),
    showSpread(spreadOf(rounds.map(({ b }) => b))),
    showSpread(ratio, 2),
    judge(ratio.median, MAX_GROWTH),
  ];
}

/** CPU µs per request. */
async function measureCpu(bench: Bench, side: Side, command: BenchCommand, count: number): Promise<number> {
  const { population, server, database } = side;
  const batch = await bench.generator.prepare({ shapes: inAllCiphers(command), population, count });
  if (batch.pushes === 0) return (await measureRound(bench.generator, server, count)).cpuUs;
  return (await measureDelivery(bench, server, database, batch)).cpuUs;
}

const groupRequests = ({ options }: Bench): number => Math.ceil(options.requests / PUSHES_OF_A_GROUP);

function startTable(sides: readonly Side[]): Table {
  return {
    columns: ['ids', 'groups', 'start to listening, s', 'target', 'memory MB: at start', 'under load', 'target'],
    rows: sides.map(({ population, start, memoryAtStart, server }) => {
      const memory = residentMb(server.pid);
      return [
        showNumber(population.ids),
        showNumber(population.groups),
        showSpread(start, 2),
        judge(start.median, MAX_START_S, ' s'),
        showNumber(memoryAtStart),
        showNumber(memory),
        judge(memory, MAX_MEMORY_MB, ' MB'),
      ];
    }),
  };
}
