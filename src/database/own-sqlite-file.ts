import Database from 'better-sqlite3';
import { existsSync } from 'node:fs';
import { type DatabaseContents, isOurForm, LOOK, requireOwnDatabase } from './own-database.js';

/**
 * Looks whose file it is before anything is set on the connection: the journal mode stays in the file. When the file is
 * not ours, the connection is closed and not a byte has changed.
 *
 * @param busyTimeoutMs how long to wait for other processes
 * @param migrations the names of ours
 * @throws ForeignDatabaseError
 */
export function requireOwnFile(
  database: Database.Database,
  busyTimeoutMs: number,
  migrations: readonly string[],
): void {
  try {
    requireOwnDatabase(contentsOf(database, busyTimeoutMs), migrations);
  } catch (error) {
    database.close();
    throw error;
  }
}

/** A connection that can write copies the write-ahead log into the file when it closes, so a read-only one reads. */
function contentsOf(database: Database.Database, timeout: number): DatabaseContents {
  if (!existsSync(`${database.name}-wal`)) return readContents(database);
  const reader = new Database(database.name, { readonly: true, fileMustExist: true, timeout });
  try {
    return readContents(reader);
  } finally {
    reader.close();
  }
}

function readContents(database: Database.Database): DatabaseContents {
  const namesOf = (sql: string): string[] => database.prepare(sql).pluck().all().map(String);
  const executed = isOurForm(namesOf(LOOK.sqlite.columns)) ? namesOf(LOOK.executed) : null;
  return { tables: namesOf(LOOK.sqlite.tables), executed };
}
