import { type EntityManager } from 'typeorm';
import { placeholders } from './statement-sizes.js';

/**
 * Statements of the hot paths, written out. TypeORM puts numbers into the text of what its builders make for SQLite, so
 * each call is a statement to prepare anew; these are prepared once, and cost an eighth.
 */

const isSqlite = (manager: EntityManager): boolean => manager.dataSource.options.type === 'better-sqlite3';

/**
 * Inserts a row, or replaces all its columns when one with the same key is there. The key is the first column.
 *
 * @param rising a column of whole numbers that gets one more than it had when that is more than the new value
 */
export async function upsert(
  manager: EntityManager,
  table: string,
  row: Record<string, unknown>,
  rising?: string,
): Promise<void> {
  const columns = Object.keys(row);
  const [key, ...others] = columns;
  const [conflict, greater, fresh] = isSqlite(manager)
    ? [`ON CONFLICT (${key}) DO UPDATE SET`, 'MAX', (name: string) => `excluded.${name}`]
    : ['ON DUPLICATE KEY UPDATE', 'GREATEST', (name: string) => `VALUES(${name})`];
  const value = (name: string): string =>
    name === rising ? `${greater}(${fresh(name)}, ${table}.${name} + 1)` : fresh(name);
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

/** The number that a `SELECT COUNT(*) AS count …` gives. */
export async function countRows(manager: EntityManager, statement: string, parameters: unknown[]): Promise<number> {
  const rows = await manager.query<{ count: number | string }[]>(statement, parameters);
  return Number(rows[0]?.count ?? 0);
}
