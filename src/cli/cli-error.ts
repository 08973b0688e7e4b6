import { describeError } from '../common/describe-error.js';

/** A command could not do what it was asked to. The message is for the operator. */
export class CliError extends Error {
  override readonly name = 'CliError';
}

const BY_CODE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'The database cannot be reached, check DATABASE_URL.',
  ENOTFOUND: 'The database cannot be reached, check DATABASE_URL.',
  ETIMEDOUT: 'The database cannot be reached, check DATABASE_URL.',
  ER_ACCESS_DENIED_ERROR: 'The database refuses us, check user and password in DATABASE_URL.',
  ER_DBACCESS_DENIED_ERROR: 'The database refuses us, check the database name in DATABASE_URL.',
  ER_BAD_DB_ERROR: 'There is no such database, check its name in DATABASE_URL.',
  SQLITE_BUSY: 'Another process keeps the database locked, try again in a moment.',
  SQLITE_NOTADB: 'The file that DATABASE_URL names is not a SQLite database.',
  SQLITE_CANTOPEN: 'The database file cannot be opened, check DATABASE_URL and the rights on its folder.',
  SQLITE_READONLY: 'The database file cannot be written, check the rights on it.',
  EACCES: 'Access is denied, check the rights on the data folder.',
};

/** One sentence for the operator. A database's own message is left out, because it quotes values. */
export function problemOf(error: unknown): string {
  const { type, code, message } = describeError(error);
  return (code !== undefined && BY_CODE[code]) || message || `The database failed (${code ?? type}).`;
}
