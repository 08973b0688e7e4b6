import { CLI } from '../config/cli-name.js';

/** What tells a database of this program from one of another. */
export interface DatabaseContents {
  /** Views too. */
  tables: readonly string[];
  /** The names in the table `migrations`; null = there is none, or not one as this program makes it. */
  executed: readonly string[] | null;
}

/** The statements that look at it. The names of `migrations` are there to read when it has the columns of ours. */
export const LOOK = {
  sqlite: {
    tables: String.raw`SELECT name FROM sqlite_master
      WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\_%' ESCAPE '\'`,
    columns: "SELECT name FROM pragma_table_info('migrations')",
  },
  mysql: {
    tables: 'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()',
    columns: `SELECT column_name AS name FROM information_schema.columns
      WHERE table_schema = DATABASE() AND table_name = 'migrations'`,
  },
  executed: 'SELECT name FROM migrations',
} as const;

/** Whether the table `migrations` is made as this program makes it. */
export const isOurForm = (columns: readonly string[]): boolean =>
  ['name', 'timestamp'].every((name) => columns.includes(name));

/** A table of the original server. */
const ORIGINAL_TABLE = 'token_pubkey_table';

/** What the first migration makes first: MariaDB keeps it when that migration is killed before it is noted. */
const FIRST_TABLE = 'devices';

/** `DATABASE_URL` leads to a database of something else. The message is for the operator. */
class ForeignDatabaseError extends Error {
  override readonly name = 'ForeignDatabaseError';
}

/**
 * Refuses a database of another program. An empty one is accepted.
 *
 * @param migrations the names of ours
 * @throws ForeignDatabaseError
 */
export function requireOwnDatabase(contents: DatabaseContents, migrations: readonly string[]): void {
  if (isOwn(contents, migrations)) return;
  throw new ForeignDatabaseError(
    contents.tables.includes(ORIGINAL_TABLE)
      ? "DATABASE_URL names the original server's database, which is not a database of this server and was left as it is. " +
          `Set DATABASE_URL to a new database, and take over what the original one holds: ${CLI} import-v1 FILE`
      : 'DATABASE_URL names a database that is not a database of this server: it has tables of something else, and was ' +
          'left as it is. Set DATABASE_URL to the database of this server, or to an empty one.',
  );
}

function isOwn({ tables, executed }: DatabaseContents, migrations: readonly string[]): boolean {
  if (tables.length === 0) return true;
  if (executed === null) return false;
  const others = tables.filter((name) => name !== 'migrations');
  return others.length === 0 || others.includes(FIRST_TABLE) || executed.some((name) => migrations.includes(name));
}
