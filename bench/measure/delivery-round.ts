import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchDatabase } from '../database/bench-database.js';
import { type Generator, type PreparedBatch } from '../load/generator.js';
import { type Gateways } from '../servers/gateways.js';
import { type Target } from '../servers/target.js';
import { monotonicMs } from './clock.js';
import { cpuMs } from './process-usage.js';

/** One batch of notifications, answered, delivered and forgotten. */
export interface DeliveryRound {
  readonly acceptedPerSecond: number;
  /** Notifications, counted until the last push reached its gateway. */
  readonly deliveredPerSecond: number;
  /** CPU time of the server's process per notification, until the queue is empty. */
  readonly cpuUs: number;
}

const QUEUE_LOOK_MS = 20;
const QUEUE_DEADLINE_MS = 60_000;

export async function measureDelivery(
  { generator, gateways }: { generator: Generator; gateways: Gateways },
  target: Target,
  database: BenchDatabase,
  batch: PreparedBatch,
): Promise<DeliveryRound> {
  await gateways.expect(batch);
  const cpuBefore = cpuMs(target.pid);
  const { startedAt, endedAt } = await generator.run(target.port);
  const lastPushAt = await gateways.received(batch.pushes);
  await untilQueueIsEmpty(database);
  const cpu = cpuMs(target.pid) - cpuBefore;
  await generator.check();
  return {
    acceptedPerSecond: (batch.count * 1000) / (endedAt - startedAt),
    deliveredPerSecond: (batch.count * 1000) / (lastPushAt - startedAt),
    cpuUs: (cpu * 1000) / batch.count,
  };
}

export async function untilQueueIsEmpty(database: BenchDatabase): Promise<void> {
  const deadline = monotonicMs() + QUEUE_DEADLINE_MS;
  while (!(await database.queueIsEmpty())) {
    if (monotonicMs() > deadline) throw new Error('notifications stay in the queue although all pushes came');
    await sleep(QUEUE_LOOK_MS);
  }
}
