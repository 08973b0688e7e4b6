import { type EntityManager } from 'typeorm';
import { placeholders } from './statement-sizes.js';

/**
 * Statements of the hot paths, written out. TypeORM puts numbers into the text of what its builders make for SQLite, so
 * each call is a statement to prepare anew; these are prepared once, and cost an eighth.
 */

export const isSqlite = (manager: EntityManager): boolean => manager.dataSource.options.type === 'better-sqlite3';

/** How a column of a row that is there already comes to its new value, in SQL. */
export interface Merge {
  column: string;
  /** @param columns what the row would have been, what it is, and the greater of two numbers */
  value: (columns: {
    fresh: (name: string) => string;
    stored: (name: string) => string;
    greater: (one: string, other: string) => string;
  }) => string;
}

/**
 * Inserts a row, or replaces its columns when one with the same key is there. The key is the first column.
 *
 * @param merges columns that are not simply replaced. MariaDB and MySQL assign from left to right: what a merge asks of
 *   other stored columns must come after it in the row.
 */
export async function upsert(
  manager: EntityManager,
  table: string,
  row: Record<string, unknown>,
  merges: readonly Merge[] = [],
): Promise<void> {
  const columns = Object.keys(row);
  const [key, ...others] = columns;
  const [conflict, greatest, fresh] = isSqlite(manager)
    ? [`ON CONFLICT (${key}) DO UPDATE SET`, 'MAX', (name: string) => `excluded.${name}`]
    : ['ON DUPLICATE KEY UPDATE', 'GREATEST', (name: string) => `VALUES(${name})`];
  const stored = (name: string): string => `${table}.${name}`;
  const greater = (one: string, other: string): string => `${greatest}(${one}, ${other})`;
  const value = (name: string): string =>
    merges.find(({ column }) => column === name)?.value({ fresh, stored, greater }) ?? fresh(name);
  const assign = `${conflict} ${others.map((name) => `${name} = ${value(name)}`).join(', ')}`;
  await manager.query(
    `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${placeholders(columns.length)}) ${assign}`,
    Object.values(row),
  );
}

/** Inserts a row, or leaves the one with the same key as it is. */
export async function insertIfAbsent(
  manager: EntityManager,
  table: string,
  row: Record<string, unknown>,
): Promise<void> {
  const columns = Object.keys(row);
  await manager.query(
    `INSERT ${isSqlite(manager) ? 'OR IGNORE' : 'IGNORE'} INTO ${table} (${columns.join(', ')}) VALUES (${placeholders(columns.length)})`,
    Object.values(row),
  );
}

/**
 * Inserts rows with the same columns. Of two with the same key the one that is greater in `newest` stays; of equals the one
 * that is there, unless `ofEquals` says otherwise.
 */
export async function insertNewest(
  manager: EntityManager,
  table: string,
  newest: string,
  rows: readonly Readonly<Record<string, unknown>>[],
  ofEquals: 'keep' | 'replace' = 'keep',
): Promise<void> {
  const columns = Object.keys(rows[0] ?? {});
  const comparison = ofEquals === 'keep' ? '>' : '>=';
  // On MariaDB and MySQL from left to right: what all are decided by has to change last.
  const assigned = [...columns.filter((name) => name !== newest), newest];
  const assign = isSqlite(manager)
    ? `ON CONFLICT DO UPDATE SET ${assigned.map((name) => `${name} = excluded.${name}`).join(', ')}
         WHERE excluded.${newest} ${comparison} ${table}.${newest}`
    : `ON DUPLICATE KEY UPDATE ${assigned
        .map(
          (name) =>
            `${name} = IF(VALUES(${newest}) ${comparison} ${table}.${newest}, VALUES(${name}), ${table}.${name})`,
        )
        .join(', ')}`;
  const values = new Array<string>(rows.length).fill(`(${placeholders(columns.length)})`).join(', ');
  await manager.query(
    `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${values} ${assign}`,
    rows.flatMap((row) => columns.map((column) => row[column])),
  );
}

/** The number that a `SELECT COUNT(*) AS count …` gives. */
export async function countRows(manager: EntityManager, statement: string, parameters: unknown[]): Promise<number> {
  const rows = await manager.query<{ count: number | string }[]>(statement, parameters);
  return Number(rows[0]?.count ?? 0);
}

/**
 * A condition that holds for rows whose `columns` are any of `count` combinations; its parameters are those of one
 * combination after the other. It is found by an index on both kinds: SQLite does not know the list of combinations that
 * the others know, and these do not look into an index for SQLite's.
 */
export function isAnyOf(manager: EntityManager, columns: readonly string[], count: number): string {
  if (isSqlite(manager)) {
    const values = new Array<string>(count).fill(`(${placeholders(columns.length)})`).join(', ');
    return `(${columns.join(', ')}) IN (VALUES ${values})`;
  }
  const combination = `(${columns.map((column) => `${column} = ?`).join(' AND ')})`;
  return `(${new Array<string>(count).fill(combination).join(' OR ')})`;
}

/** Deletes at most `limit` of the rows for which `condition` holds, and returns how many it were. */
export async function deleteSome(
  manager: EntityManager,
  table: string,
  condition: string,
  parameters: unknown[],
  limit: number,
): Promise<number> {
  const statement = isSqlite(manager)
    ? `DELETE FROM ${table} WHERE rowid IN (SELECT rowid FROM ${table} WHERE ${condition} LIMIT ${limit})`
    : `DELETE FROM ${table} WHERE ${condition} LIMIT ${limit}`;
  return countChanged(manager, statement, parameters);
}

/** How many rows a statement changed or deleted. Within a transaction. */
export async function countChanged(manager: EntityManager, statement: string, parameters: unknown[]): Promise<number> {
  if (!manager.queryRunner) throw new Error('Only a transaction tells how many rows were changed.');
  const { affected } = await manager.queryRunner.query(statement, parameters, true);
  return affected ?? 0;
}
