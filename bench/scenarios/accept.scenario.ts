import { type Bench } from '../bench.js';
import { seedPopulation } from '../database/seed.js';
import { ACCEPT_LOADS, type NamedLoad, SMALL_POPULATION } from '../load/loads.js';
import { inTurn, type Pair } from '../measure/in-turn.js';
import { measureRound, type Round } from '../measure/round.js';
import { residentMb } from '../measure/process-usage.js';
import { showNumber, showSpread, spreadOf } from '../measure/spread.js';
import { type DatabaseKind } from '../options.js';
import { judge, type Section } from '../report/section.js';
import { type Target } from '../servers/target.js';
import { compareRedisMode } from './redis-mode.js';
import { requireHeld } from './require-held.js';

const COLUMNS = [
  ...['request', 'requests/s', 'p50 ms', 'p99 ms', 'CPU µs', 'floor: requests/s', 'floor: CPU µs'],
  ...['CPU to floor', 'target', 'memory MB'],
];

/** Apps may subscribe; there is no storage node to tell of it. */
const NOBODY_THERE = 'tcp://127.0.0.1:9';

/** Requests answered, durable queue included, delivery held. */
export async function accept(bench: Bench): Promise<Section> {
  const parts: Section['parts'][number][] = [];
  for (const kind of bench.databaseKinds) {
    if (kind === 'redis') {
      parts.push(...(await compareRedisMode(bench)));
      continue;
    }
    const { engine, rows } = await acceptOn(bench, kind);
    parts.push(`${engine}:`, { columns: COLUMNS, rows });
  }
  return { name: 'accept', parts };
}

async function acceptOn(bench: Bench, kind: DatabaseKind): Promise<{ engine: string; rows: string[][] }> {
  const database = await bench.createDatabase(kind);
  await seedPopulation(database, SMALL_POPULATION, bench.progress);
  const server = await bench.startHeldServer(database, { NODE_LIST: NOBODY_THERE });
  const rows: string[][] = [];
  for (const load of ACCEPT_LOADS) {
    bench.progress(`accept on ${kind}: ${load.name}`);
    rows.push(await measureLoad(bench, server, load, kind));
  }
  await requireHeld(database);
  await server.stop();
  await database.drop();
  return { engine: database.engine, rows };
}

async function measureLoad(
  { generator, floor, options }: Bench,
  server: Target,
  { name, shapes, target }: NamedLoad,
  kind: DatabaseKind,
): Promise<string[]> {
  const batch = { shapes, population: SMALL_POPULATION };
  const warmup = await generator.prepare({ ...batch, count: options.warmup });
  for (const each of [server, floor]) await measureRound(generator, each, warmup.count);
  const rounds = await inTurn(
    options.rounds,
    () => generator.prepare({ ...batch, count: options.requests }),
    () => measureRound(generator, server, options.requests),
    () => measureRound(generator, floor, options.requests),
  );
  const of = (value: (round: Pair<Round, Round>) => number) => spreadOf(rounds.map(value));
  const ratio = of(({ a, b }) => a.cpuUs / b.cpuUs);
  return [
    name,
    showSpread(of(({ a }) => a.perSecond)),
    showSpread(
      of(({ a }) => a.p50Ms),
      1,
    ),
    showSpread(
      of(({ a }) => a.p99Ms),
      1,
    ),
    showSpread(of(({ a }) => a.cpuUs)),
    showSpread(of(({ b }) => b.perSecond)),
    showSpread(of(({ b }) => b.cpuUs)),
    showSpread(ratio, 2),
    kind === 'sqlite' ? judge(ratio.median, target) : '',
    showNumber(residentMb(server.pid)),
  ];
}
