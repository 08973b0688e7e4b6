import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../measure/clock.js';

/** Sends request `index` on connection `connection`; resolves with its answer. */
export type Send = (connection: number, index: number) => Promise<void>;

export interface Driven {
  readonly dueAt: Float64Array;
  readonly answeredAt: Float64Array;
}

/** One request at a time on every connection, the next as soon as the one before is answered. */
export async function driveFlatOut(count: number, connections: number, send: Send): Promise<Driven> {
  const times = { dueAt: new Float64Array(count), answeredAt: new Float64Array(count) };
  let next = 0;
  const work = async (connection: number): Promise<void> => {
    while (next < count) {
      const index = next++;
      times.dueAt[index] = monotonicMs();
      await send(connection, index);
      times.answeredAt[index] = monotonicMs();
    }
  };
  await Promise.all(Array.from({ length: connections }, (_, connection) => work(connection)));
  return times;
}

/** Requests at a steady rate whatever the server does: one that finds no free connection waits, and its wait counts. */
export async function driveSteadily(
  count: number,
  connections: number,
  ratePerSecond: number,
  send: Send,
): Promise<Driven> {
  const start = monotonicMs();
  const dueAt = Float64Array.from({ length: count }, (_, index) => start + (index * 1000) / ratePerSecond);
  const answeredAt = new Float64Array(count);
  let next = 0;
  const work = async (connection: number): Promise<void> => {
    while (next < count) {
      const index = next++;
      const wait = (dueAt[index] ?? 0) - monotonicMs();
      if (wait > 0) await sleep(wait);
      await send(connection, index);
      answeredAt[index] = monotonicMs();
    }
  };
  await Promise.all(Array.from({ length: connections }, (_, connection) => work(connection)));
  return { dueAt, answeredAt };
}
