import { type Bench } from '../bench.js';
import { type BenchDatabase } from '../database/bench-database.js';
import { seedPopulation } from '../database/seed.js';
import { inAllCiphers, type NamedLoad, REGISTER_LOAD, SMALL_POPULATION } from '../load/loads.js';
import { inTurn } from '../measure/in-turn.js';
import { cpuMs } from '../measure/process-usage.js';
import { measureRound, type Round } from '../measure/round.js';
import { showSpread, spreadOf } from '../measure/spread.js';
import { judge, type Section } from '../report/section.js';
import { type Target } from '../servers/target.js';
import { requireHeld } from './require-held.js';

const MAX_RATIO = 1.4;
const LOADS: readonly NamedLoad[] = [
  { name: 'notify, all ciphers', shapes: inAllCiphers('notify'), target: MAX_RATIO },
  { ...REGISTER_LOAD, target: null },
];
const COLUMNS = [
  ...['request', 'SQLite: CPU µs', 'Redis: CPU µs', 'ratio', 'target', 'redis-server: CPU µs'],
  ...['SQLite: requests/s', 'Redis: requests/s', 'p50 ms', 'p99 ms'],
];

interface Side {
  readonly database: BenchDatabase;
  readonly server: Target;
}

interface RedisRound extends Round {
  /** CPU time of Redis itself per request. */
  readonly queueCpuUs: number;
}

/** Requests answered by a server whose queue is on Redis, beside one with everything on SQLite; delivery held. */
export async function compareRedisMode(bench: Bench): Promise<Section['parts']> {
  const sqlite = await openSide(bench, 'sqlite');
  const redis = await openSide(bench, 'redis');
  const rows: string[][] = [];
  for (const load of LOADS) {
    bench.progress(`accept with Redis: ${load.name}`);
    rows.push(await compare(bench, sqlite.server, redis, load));
  }
  for (const { server, database } of [sqlite, redis]) {
    await requireHeld(database);
    await server.stop();
    await database.drop();
  }
  return [`${redis.database.engine}, beside SQLite alone:`, { columns: COLUMNS, rows }];
}

async function openSide(bench: Bench, kind: 'sqlite' | 'redis'): Promise<Side> {
  const database = await bench.createDatabase(kind);
  await seedPopulation(database, SMALL_POPULATION, bench.progress);
  return { database, server: await bench.startHeldServer(database) };
}

async function compare(
  { generator, options }: Bench,
  sqlite: Target,
  redis: Side,
  { name, shapes, target }: NamedLoad,
): Promise<string[]> {
  const prepare = (count: number) => generator.prepare({ shapes, population: SMALL_POPULATION, count });
  await prepare(options.warmup);
  for (const server of [sqlite, redis.server]) await measureRound(generator, server, options.warmup);
  const rounds = await inTurn(
    options.rounds,
    () => prepare(options.requests),
    () => measureRound(generator, sqlite, options.requests),
    () => measureRedis(redis, options.requests, () => measureRound(generator, redis.server, options.requests)),
  );
  const [ofSqlite, ofRedis] = [rounds.map(({ a }) => a), rounds.map(({ b }) => b)];
  const ratio = spreadOf(rounds.map(({ a, b }) => b.cpuUs / a.cpuUs));
  return [
    name,
    showSpread(spreadOf(ofSqlite.map((round) => round.cpuUs))),
    showSpread(spreadOf(ofRedis.map((round) => round.cpuUs))),
    showSpread(ratio, 2),
    judge(ratio.median, target),
    showSpread(spreadOf(ofRedis.map((round) => round.queueCpuUs))),
    showSpread(spreadOf(ofSqlite.map((round) => round.perSecond))),
    showSpread(spreadOf(ofRedis.map((round) => round.perSecond))),
    showSpread(spreadOf(ofRedis.map((round) => round.p50Ms)), 1),
    showSpread(spreadOf(ofRedis.map((round) => round.p99Ms)), 1),
  ];
}

async function measureRedis({ database }: Side, count: number, measure: () => Promise<Round>): Promise<RedisRound> {
  const used = (): number => (database.queuePid === null ? NaN : cpuMs(database.queuePid));
  const before = used();
  const round = await measure();
  return { ...round, queueCpuUs: ((used() - before) * 1000) / count };
}
