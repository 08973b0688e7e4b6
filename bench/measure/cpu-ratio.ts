import { type Bench } from '../bench.js';
import { type BenchDatabase } from '../database/bench-database.js';
import { type Population } from '../database/population.js';
import { inAllCiphers } from '../load/loads.js';
import { type BenchCommand } from '../load/load-orders.js';
import { type Target } from '../servers/target.js';
import { measureDelivery } from './delivery-round.js';
import { inTurn } from './in-turn.js';
import { measureRound } from './round.js';
import { type Spread, spreadOf } from './spread.js';

/** A server on a population of its own. */
export interface Side {
  readonly population: Population;
  readonly database: BenchDatabase;
  readonly server: Target;
}

export interface CpuRatio {
  /** CPU µs per request. */
  readonly a: Spread;
  readonly b: Spread;
  /** Of b to a. */
  readonly ratio: Spread;
}

/** The cost of a request on two servers that take turns. Notifications are accepted, delivered and forgotten. */
export async function compareCpu(
  bench: Bench,
  command: BenchCommand,
  a: Side,
  b: Side,
  count: number,
): Promise<CpuRatio> {
  for (const side of [a, b]) await measureCpu(bench, side, command, Math.min(count, bench.options.warmup));
  const rounds = await inTurn(
    bench.options.rounds,
    async () => {},
    () => measureCpu(bench, a, command, count),
    () => measureCpu(bench, b, command, count),
  );
  return {
    a: spreadOf(rounds.map((round) => round.a)),
    b: spreadOf(rounds.map((round) => round.b)),
    ratio: spreadOf(rounds.map((round) => round.b / round.a)),
  };
}

async function measureCpu(bench: Bench, side: Side, command: BenchCommand, count: number): Promise<number> {
  const { population, server, database } = side;
  const batch = await bench.generator.prepare({ shapes: inAllCiphers(command), population, count });
  if (batch.pushes === 0) return (await measureRound(bench.generator, server, count)).cpuUs;
  return (await measureDelivery(bench, server, database, batch)).cpuUs;
}
