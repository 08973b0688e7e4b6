import { setImmediate as nextTurn } from 'node:timers/promises';
import { type EntityManager } from 'typeorm';
import { countRows, isSqlite } from './dialect.js';

/**
 * Reads that look at every row of a table, in short statements with a turn of the event loop after each. SQLite answers
 * within the call: without these turns nothing else of the process runs until the end of the table.
 */

/** A few milliseconds of counting, or of rows that are fetched. */
const COUNTED_ROWS = 2048;
const FETCHED_ROWS = 512;

/** What a table is gone through by: a column with an index, and a value before all of its values. */
interface Order {
  readonly column: string;
  readonly before: string | number;
}

interface PageRow {
  /** Null = the page is empty. */
  readonly page_key: string | number | null;
}

/** The order in which the rows lie; by any other index each row is looked up somewhere else. */
export const byStorageOrder = (manager: EntityManager, primaryKey: string): Order =>
  isSqlite(manager) ? { column: 'rowid', before: 0 } : byColumn(primaryKey);

/** The order of a column of text. */
export const byColumn = (column: string): Order => ({ column, before: '' });

/**
 * Adds up what `sums` are over all pages of a table.
 *
 * @param column the one that `sums`, expressions of SQL by name, are about
 * @param parameters of `sums`
 */
export async function sumInPages<Name extends string>(
  manager: EntityManager,
  table: string,
  order: Order,
  column: string,
  sums: Readonly<Record<Name, string>>,
  parameters: readonly unknown[] = [],
): Promise<Record<Name, number>> {
  const names = Object.keys(sums) as Name[];
  const total = Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
  const statement = `SELECT ${names.map((name) => `${sums[name]} AS ${name}`).join(', ')}, MAX(page_key) AS page_key
    FROM (${pageOf(table, order, [column], COUNTED_ROWS)}) AS page`;
  const pages = inPages<PageRow & Record<Name, number | string>>(manager, statement, parameters, order);
  for await (const [sum] of pages) for (const name of names) total[name] += Number(sum?.[name]);
  return total;
}

/** Columns of all rows of a table, as the driver gives them. */
export function rowsInPages<Row>(
  manager: EntityManager,
  table: string,
  order: Order,
  columns: readonly (keyof Row & string)[],
): AsyncGenerator<readonly Row[]> {
  return inPages<Row & PageRow>(manager, pageOf(table, order, columns, FETCHED_ROWS), [], order);
}

const pageOf = (table: string, { column }: Order, columns: readonly string[], rows: number): string =>
  `SELECT ${column} AS page_key, ${columns.join(', ')} FROM ${table} WHERE ${column} > ? ORDER BY ${column} LIMIT ${rows}`;

async function* inPages<Row extends PageRow>(
  manager: EntityManager,
  statement: string,
  parameters: readonly unknown[],
  { before }: Order,
): AsyncGenerator<readonly Row[]> {
  for (let last = before; ;) {
    const page = await manager.query<Row[]>(statement, [...parameters, last]);
    const end = page.at(-1)?.page_key ?? null;
    if (end === null) return;
    yield page;
    last = end;
    await nextTurn();
  }
}

/**
 * How many rows a table has. MariaDB and MySQL count elsewhere, so one statement is enough there.
 *
 * @param column counts only those with a value in it
 */
export async function countAllRows(manager: EntityManager, table: string, column?: string): Promise<number> {
  const count = `COUNT(${column ?? '*'})`;
  if (!isSqlite(manager)) return countRows(manager, `SELECT ${count} AS count FROM ${table}`, []);
  const sums = { rows_of_page: count };
  return (await sumInPages(manager, table, byStorageOrder(manager, 'rowid'), column ?? 'rowid', sums)).rows_of_page;
}
