import { realpathSync, statSync } from 'node:fs';

/** The database is reached by a second name, under which its lock would be another one. The message is for the operator. */
class LinkedDatabaseError extends Error {
  override readonly name = 'LinkedDatabaseError';
  constructor(path: string) {
    super(
      `${path} has further names (hard links), by which another server could open it and SQLite could not tell: it would be ` +
        'damaged. Remove the other names, or make a real copy (cp) and name that with DATABASE_URL.',
    );
  }
}

/**
 * The lock file of a SQLite database, beside the file that symbolic links lead to: two servers that open one database by
 * different names would deliver everything twice.
 *
 * @throws LinkedDatabaseError where names cannot be told from each other
 */
export function lockFileOf(database: string): string {
  const path = realPathOf(database);
  if ((statSync(path, { throwIfNoEntry: false })?.nlink ?? 1) > 1) throw new LinkedDatabaseError(path);
  return `${path}.lock`;
}

/** Also for a database that does not exist yet. */
function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return path;
    throw error;
  }
}
