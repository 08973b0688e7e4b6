import { type EntityManager } from 'typeorm';
import { isAnyOf } from '../../database/dialect.js';
import { inPowersOfTwo, padToPowerOfTwo, placeholders } from '../../database/statement-sizes.js';

/**
 * Makes room in accounts that have more subscriptions than they may. Nobody is refused for it: the answer to somebody who
 * subscribes tells nothing about the others.
 *
 * Of whoever signed most of them, the one with the least standing goes first: never accepted by its provider, then the one
 * that was registered longest ago. So a group's member who takes up its room with tokens that he made up, or with many of
 * his own, loses those and not another member's phone.
 *
 * @param grown accounts that have more than before, with their bounds
 * @param newest when these were registered, in UTC epoch milliseconds: they go last
 */
export async function makeRoom(
  manager: EntityManager,
  grown: ReadonlyMap<string, number>,
  newest: number,
): Promise<void> {
  for (const [account, count] of await countOf(manager, [...grown.keys()])) {
    const surplus = count - (grown.get(account) ?? 0);
    if (surplus <= 0) continue;
    for (const [signer, going] of fairShares(await countBySigner(manager, account), surplus)) {
      await removeLeast(manager, account, signer, going, newest);
    }
  }
}

async function countOf(manager: EntityManager, accounts: readonly string[]): Promise<[string, number][]> {
  if (accounts.length === 0) return [];
  const asked = padToPowerOfTwo(accounts);
  const rows = await manager.query<{ account: string; count: number | string }[]>(
    `SELECT account, COUNT(*) AS count FROM subscriptions WHERE account IN (${placeholders(asked.length)}) GROUP BY account`,
    asked,
  );
  return rows.map(({ account, count }) => [account, Number(count)]);
}

async function countBySigner(manager: EntityManager, account: string): Promise<Map<string, number>> {
  const rows = await manager.query<{ signer: string; count: number | string }[]>(
    'SELECT signer, COUNT(*) AS count FROM subscriptions WHERE account = ? GROUP BY signer',
    [account],
  );
  return new Map(rows.map(({ signer, count }) => [signer, Number(count)]));
}

/** How many each signer loses, when the one with the most loses one each time. */
function fairShares(counts: Map<string, number>, surplus: number): Map<string, number> {
  const going = new Map<string, number>();
  for (let gone = 0; gone < surplus; gone++) {
    const [signer, count] = [...counts].reduce((most, other) => (other[1] > most[1] ? other : most));
    counts.set(signer, count - 1);
    going.set(signer, (going.get(signer) ?? 0) + 1);
  }
  return going;
}

async function removeLeast(
  manager: EntityManager,
  account: string,
  signer: string,
  count: number,
  newest: number,
): Promise<void> {
  const least = await manager.query<{ service: string; token: string }[]>(
    `SELECT service, token FROM subscriptions WHERE account = ? AND signer = ?
      ORDER BY registered_at = ?, accepted_at IS NOT NULL, registered_at, token LIMIT ${count}`,
    [account, signer, newest],
  );
  for (const some of inPowersOfTwo(least)) {
    await manager.query(
      `DELETE FROM subscriptions WHERE ${isAnyOf(manager, ['account', 'service', 'token'], some.length)}`,
      some.flatMap(({ service, token }) => [account, service, token]),
    );
  }
}
