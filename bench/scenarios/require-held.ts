import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchDatabase } from '../database/bench-database.js';

const TIME_TO_DELIVER_MS = 1000;

/** A server that delivered after all would make every figure too high. */
export async function requireHeld(database: BenchDatabase): Promise<void> {
  await sleep(TIME_TO_DELIVER_MS);
  if (await database.queueIsEmpty()) throw new Error('the server whose delivery is held has emptied its queue');
}
