import { setImmediate as nextTurn } from 'node:timers/promises';

/** So much later at most is what came first begun, however much goes on coming. */
export const GATHER_MS = 10;

/**
 * Resolves when a whole turn of the event loop has brought nothing more to what waits, or after {@link GATHER_MS}.
 *
 * What it costs to write a group hardly depends on its length (docs/performance.md). A quiet server loses nothing by it: a turn
 * without work takes some microseconds.
 *
 * @param waiting how much waits now
 */
export async function gathered(waiting: () => number): Promise<void> {
  const end = performance.now() + GATHER_MS;
  // The rest of this turn may be without a look at the sockets.
  await nextTurn();
  for (let before = -1; waiting() > before && performance.now() < end;) {
    before = waiting();
    await nextTurn();
  }
}
