import { type DataSource, type EntityManager } from 'typeorm';
import { type Sealing } from '../../sealing/sealing.js';
import { type DatabaseWriter } from '../database-writer.js';
import { countRows, insertNewest } from '../dialect.js';
import { inPowersOfTwo, placeholders } from '../statement-sizes.js';

/** One transaction; some hundred milliseconds, which is what a crash costs. */
const PAGE_ROWS = 10_000;

/** Between all sealed texts, which begin with a space and go on with a letter, a digit, `-` or `_`, and all plain ones. */
export const AFTER_SEALED = ' ~';

type Row = Readonly<Record<string, string | number | null>>;

/** A table whose key holds ids or tokens: sealed rows come before plain ones in it. */
interface KeyedTable {
  readonly name: string;
  /** One column, or two. */
  readonly key: readonly [first: string, second?: string];
  readonly ids: readonly string[];
  readonly tokens: readonly string[];
  /** The greater value is the newer row; without it there is nothing beside the key. */
  readonly newest?: string;
}

/** Beside the queue, whose key says nothing. */
export const KEYED_TABLES: readonly KeyedTable[] = [
  { name: 'devices', key: ['token'], ids: ['session_id'], tokens: ['token'], newest: 'registered_at' },
  { name: 'suspect_tokens', key: ['token'], ids: [], tokens: ['token'], newest: 'suspected_at' },
  { name: 'closed_groups', key: ['group_id'], ids: ['group_id'], tokens: [], newest: 'changed_at' },
  {
    name: 'closed_group_members',
    key: ['group_id', 'session_id'],
    ids: ['group_id', 'session_id'],
    tokens: [],
  },
];

/** Costs next to nothing when there are none. */
export async function countPlainRows({ manager }: DataSource): Promise<number> {
  let count = 0;
  for (const { name, key } of KEYED_TABLES) {
    count += await countRows(manager, `SELECT COUNT(*) AS count FROM ${name} WHERE ${key[0]} > ?`, [AFTER_SEALED]);
  }
  return count;
}

/** Seals all of them; a row is either as it was or sealed, whatever happens. */
export async function sealPlainRows(
  dataSource: DataSource,
  writer: DatabaseWriter,
  sealing: Sealing,
  onRows: (rows: number) => void,
): Promise<void> {
  for (const table of KEYED_TABLES) {
    const [first, second = first] = table.key;
    // Where the last page ended: a database may have to step over what was deleted before it.
    let from: unknown = AFTER_SEALED;
    for (;;) {
      const page = await dataSource.query<Row[]>(
        `SELECT * FROM ${table.name} WHERE ${first} >= ? ORDER BY ${first}, ${second} LIMIT ${PAGE_ROWS}`,
        [from],
      );
      if (page.length === 0) break;
      const sealed = page.map((row) => sealRow(row, table, sealing));
      await writer.write(async (manager) => {
        await remove(manager, table, page);
        await insert(manager, table, sealed);
      });
      from = page.at(-1)?.[first];
      onRows(page.length);
    }
  }
}

function sealRow(row: Row, { ids, tokens }: KeyedTable, sealing: Sealing): Row {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => {
      if (ids.includes(column)) return [column, sealing.id(String(value))];
      return [column, tokens.includes(column) ? sealing.token(String(value)) : value];
    }),
  );
}

async function remove(manager: EntityManager, { name, key }: KeyedTable, rows: readonly Row[]): Promise<void> {
  const [first, second] = key;
  const by = second ?? first;
  const groups = second === undefined ? [rows] : Map.groupBy(rows, (row) => row[first]).values();
  for (const group of groups) {
    const together = second === undefined ? [] : [group[0]?.[first]];
    for (const some of inPowersOfTwo(group)) {
      const within = together.map(() => `${first} = ? AND `).join('');
      await manager.query(`DELETE FROM ${name} WHERE ${within}${by} IN (${placeholders(some.length)})`, [
        ...together,
        ...some.map((row) => row[by]),
      ]);
    }
  }
}

/** A sealed row may be there already, when a server without the key wrote the plain one: the newer of them counts. */
async function insert(manager: EntityManager, { name, key, newest }: KeyedTable, rows: readonly Row[]): Promise<void> {
  for (const some of inPowersOfTwo(rows)) await insertNewest(manager, name, newest ?? key[0], some);
}
