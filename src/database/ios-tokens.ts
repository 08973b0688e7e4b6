import { type EntityManager } from 'typeorm';
import { rebind } from '../sealing/bound-device.js';
import { type Sealing } from '../sealing/sealing.js';
import { endOfGeneration } from '../sealing/sealing.protocol.js';
import { insertNewest } from './dialect.js';
import { inPowersOfTwo, padToPowerOfTwo, placeholders } from './statement-sizes.js';

const PAGE_ROWS = 2000;

/** Between all sealed texts, whichever key sealed them, and all plain ones. */
const AFTER_SEALED = endOfGeneration(1);

type Row = Readonly<Record<string, string | number | null>>;

/** A table whose key is a token. */
interface TokenTable {
  readonly name: string;
  /** Holds for tokens of iPhones. */
  readonly ofIos: string;
  /** The greater value is the newer row. */
  readonly newest: string;
}

/** Subscriptions had the one spelling from their beginning. */
const TABLES: readonly TokenTable[] = [
  { name: 'devices', ofIos: "device_type = 'ios'", newest: 'registered_at' },
  { name: 'suspect_tokens', ofIos: "provider = 'apns'", newest: 'suspected_at' },
];

/**
 * Spells tokens of iPhones in lower case, which is the only spelling that is registered since; of rows that become equal the
 * newest stays. Safe to break off and to repeat.
 *
 * @param which `plain`: as they came; `sealed`: with the key in `sealing`
 * @param read sees what `change` did
 * @param change the work is done in a transaction where there is one; without, a row that is lost halfway is still there in
 *   its former spelling
 */
export async function lowerIosTokens(
  which: 'plain' | 'sealed',
  sealing: Sealing,
  read: EntityManager,
  change: (work: (manager: EntityManager) => Promise<void>) => Promise<void>,
): Promise<void> {
  const condition =
    which === 'plain' ? `token > '${AFTER_SEALED}' AND token <> LOWER(token)` : `token < '${AFTER_SEALED}'`;
  for (const table of TABLES) {
    let last = '';
    for (;;) {
      const page = await read.query<Row[]>(
        `SELECT * FROM ${table.name} WHERE ${table.ofIos} AND ${condition} AND token > ? ORDER BY token LIMIT ${PAGE_ROWS}`,
        [last],
      );
      if (page.length === 0) break;
      const respelled = page.flatMap((row) => {
        const token = sealing.open(tokenOf(row))?.toLowerCase();
        const stored = token === undefined ? tokenOf(row) : sealing.token(token);
        return stored === row['token']
          ? []
          : [{ former: tokenOf(row), row: rebind(sealing, row, { ...row, token: stored }) }];
      });
      if (respelled.length > 0) await change((manager) => replace(manager, table, respelled));
      last = tokenOf(page.at(-1) ?? {});
    }
  }
}

/** The new rows come first: between two statements no token is without any. */
async function replace(
  manager: EntityManager,
  { name, newest }: TokenTable,
  respelled: readonly { former: string; row: Row }[],
): Promise<void> {
  const merged = new Map<string, Row>();
  const merge = (row: Row): void => {
    const other = merged.get(tokenOf(row));
    merged.set(tokenOf(row), other ? newerOf(other, row, newest) : row);
  };
  for (const { row } of respelled) merge(row);
  for (const some of inPowersOfTwo([...merged.keys()])) {
    const there = await manager.query<Row[]>(
      `SELECT * FROM ${name} WHERE token IN (${placeholders(some.length)})`,
      some,
    );
    for (const row of there) merge(row);
  }
  for (const some of inPowersOfTwo([...merged.values()])) await insertNewest(manager, name, newest, some, 'replace');
  for (const some of inPowersOfTwo(respelled)) {
    const former = padToPowerOfTwo(some.map((one) => one.former));
    await manager.query(`DELETE FROM ${name} WHERE token IN (${placeholders(former.length)})`, former);
  }
}

/** That its provider accepted the token is true of either row. */
function newerOf(one: Row, other: Row, newest: string): Row {
  const [newer, older] = Number(other[newest]) > Number(one[newest]) ? [other, one] : [one, other];
  if (newer['device_type'] !== older['device_type'] || !older['accepted_at']) return newer;
  return { ...newer, accepted_at: Math.max(Number(newer['accepted_at'] ?? 0), Number(older['accepted_at'])) };
}

const tokenOf = (row: Row): string => String(row['token']);
