import { type Bench } from '../bench.js';
import { type BenchDatabase } from '../database/bench-database.js';
import { type Generator } from '../load/generator.js';
import { inAllCiphers, SMALL_POPULATION } from '../load/loads.js';
import { untilQueueIsEmpty } from '../measure/delivery-round.js';
import { inTurn } from '../measure/in-turn.js';
import { cpuMs, residentMb } from '../measure/process-usage.js';
import { showNumber, showSpread, spreadOf } from '../measure/spread.js';
import { type DatabaseKind } from '../options.js';
import { type Section } from '../report/section.js';
import { type StartedServer } from '../servers/target.js';

const COLUMNS = [
  ...['database', 'WORKERS=1: requests/s', 'WORKERS=2: requests/s', 'ratio', 'target'],
  ...['WORKERS=1: CPU µs', 'WORKERS=2: CPU µs', 'WORKERS=2: memory MB'],
];
const MIN_RATIO = 1.7;
/** Nobody has registered in these databases, so that a notification ends when its recipient is looked up. */
const BATCH = { shapes: inAllCiphers('notify'), population: SMALL_POPULATION };

interface Side {
  readonly database: BenchDatabase;
  readonly server: StartedServer;
}

interface WorkersRound {
  readonly perSecond: number;
  /** CPU time of all processes of the server per request, until the queue is empty. */
  readonly cpuUs: number;
}

/** Notifications answered by one process and by two that share the listener. */
export async function workers(bench: Bench): Promise<Section> {
  const generator = await bench.startGeneratorBesidePair();
  const rows: string[][] = [];
  for (const kind of bench.databaseKinds) rows.push(await compare(bench, generator, kind));
  await generator.stop();
  return { name: 'workers', parts: [describeCores(bench), { columns: COLUMNS, rows }] };
}

function describeCores({ cores }: Bench): string {
  const where = cores.pairIsFree
    ? `Here the server is on cores ${cores.pair}, alone; the generator is on ${cores.besidePair}.`
    : `Here the server is on ${cores.pair === null ? 'any core' : `cores ${cores.pair}`}, and **the generator shares them**: ` +
      'the ratio of requests/s says little, CPU µs show what the second process adds.';
  return `${where} CPU µs are those of all processes of the server together, per request.`;
}

async function compare(bench: Bench, generator: Generator, kind: DatabaseKind): Promise<string[]> {
  bench.progress(`workers on ${kind}`);
  const one = await openSide(bench, kind, 1);
  const two = await openSide(bench, kind, 2);
  const { rounds: count, requests, warmup } = bench.options;
  // Each process of the two gets half of it.
  await generator.prepare({ ...BATCH, count: warmup * 2 });
  for (const side of [one, two]) await measure(generator, side, warmup * 2);
  const rounds = await inTurn(
    count,
    () => generator.prepare({ ...BATCH, count: requests }),
    () => measure(generator, one, requests),
    () => measure(generator, two, requests),
  );
  const memory = two.server.pids.reduce((sum, pid) => sum + residentMb(pid), 0);
  for (const { server, database } of [one, two]) {
    await server.stop();
    await database.drop();
  }
  const ratio = spreadOf(rounds.map(({ a, b }) => b.perSecond / a.perSecond));
  return [
    one.database.engine,
    showSpread(spreadOf(rounds.map(({ a }) => a.perSecond))),
    showSpread(spreadOf(rounds.map(({ b }) => b.perSecond))),
    showSpread(ratio, 2),
    judgeRatio(ratio.median, bench.cores.pairIsFree),
    showSpread(spreadOf(rounds.map(({ a }) => a.cpuUs))),
    showSpread(spreadOf(rounds.map(({ b }) => b.cpuUs))),
    showNumber(memory),
  ];
}

async function openSide(bench: Bench, kind: DatabaseKind, count: number): Promise<Side> {
  const database = await bench.createDatabase(kind);
  return { database, server: await bench.startWorkers(database, count) };
}

async function measure(generator: Generator, { database, server }: Side, count: number): Promise<WorkersRound> {
  const used = (): number => server.pids.reduce((sum, pid) => sum + cpuMs(pid), 0);
  const before = used();
  const { startedAt, endedAt } = await generator.run(server.port);
  await untilQueueIsEmpty(database);
  const cpu = used() - before;
  await generator.check();
  return { perSecond: (count * 1000) / (endedAt - startedAt), cpuUs: (cpu * 1000) / count };
}

function judgeRatio(measured: number, coresAreFree: boolean): string {
  const target = `at least ${MIN_RATIO} on two free cores`;
  if (!coresAreFree) return `${target}: no two are free`;
  return `${target}: ${measured >= MIN_RATIO ? 'met' : '**missed**'}`;
}
