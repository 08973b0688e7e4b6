import { type Bench } from '../bench.js';
import { type Population } from '../database/population.js';
import { seedPopulation } from '../database/seed.js';
import { SMALL_POPULATION } from '../load/loads.js';
import { type BenchCommand } from '../load/load-orders.js';
import { compareCpu, type Side } from '../measure/cpu-ratio.js';
import { residentMb } from '../measure/process-usage.js';
import { showNumber, showSpread, type Spread, spreadOf } from '../measure/spread.js';
import { type Table } from '../../test/support/report/markdown-table.js';
import { judge, type Section } from '../report/section.js';
import { type StartedServer } from '../servers/target.js';

const STARTS = 3;
const MAX_START_S = 2;
const MAX_MEMORY_MB = 200;
const MAX_GROWTH = 1.1;
/** A group of 10 makes 12 pushes of one notification. */
const PUSHES_OF_A_GROUP = 12;

interface ScaleSide extends Side {
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

async function openSide(bench: Bench, population: Population): Promise<ScaleSide> {
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
  few: ScaleSide,
  many: ScaleSide,
  count: number,
): Promise<string[]> {
  bench.progress(`scale: ${name}`);
  const { a, b, ratio } = await compareCpu(bench, command, few, many, count);
  return [name, showSpread(a), showSpread(b), showSpread(ratio, 2), judge(ratio.median, MAX_GROWTH)];
}

const groupRequests = ({ options }: Bench): number => Math.ceil(options.requests / PUSHES_OF_A_GROUP);

function startTable(sides: readonly ScaleSide[]): Table {
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
