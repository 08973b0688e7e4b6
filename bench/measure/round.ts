import { type Generator } from '../load/generator.js';
import { type Target } from '../servers/target.js';
import { cpuMs } from './process-usage.js';
import { percentile } from './spread.js';

/** One batch, answered. */
export interface Round {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the server's process per request. */
  readonly cpuUs: number;
}

/** Sends the prepared batch to a server, then checks what it answered. */
export async function measureRound(generator: Generator, target: Target, count: number): Promise<Round> {
  const cpuBefore = cpuMs(target.pid);
  const { startedAt, endedAt, dueAt, answeredAt } = await generator.run(target.port);
  const cpu = cpuMs(target.pid) - cpuBefore;
  await generator.check();
  const latencies = answeredAt.map((time, index) => time - (dueAt[index] ?? NaN)).toSorted();
  return {
    perSecond: (count * 1000) / (endedAt - startedAt),
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    cpuUs: (cpu * 1000) / count,
  };
}
