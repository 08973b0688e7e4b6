import { describeError } from '../common/describe-error.js';

const AWAY = 'The database cannot be reached, check DATABASE_URL.';

const BY_CODE: Readonly<Record<string, string>> = {
  ECONNREFUSED: AWAY,
  ENOTFOUND: AWAY,
  ETIMEDOUT: AWAY,
  ER_ACCESS_DENIED_ERROR: 'The database refuses us, check user and password in DATABASE_URL.',
  ER_DBACCESS_DENIED_ERROR: 'The database refuses us, check the database name in DATABASE_URL.',
  ER_BAD_DB_ERROR: 'There is no such database, check its name in DATABASE_URL.',
  SQLITE_BUSY: 'Another process keeps the database locked, try again in a moment.',
  SQLITE_NOTADB: 'The file that DATABASE_URL names is not a SQLite database.',
  SQLITE_CANTOPEN: 'The database file cannot be opened, check DATABASE_URL and the rights on its folder.',
  SQLITE_FULL: 'The disk is full. Make room, then try again.',
  SQLITE_READONLY: 'The database file cannot be written, check the rights on it.',
};

/** One sentence for the operator. A database's own message is left out, because it quotes values. */
export function problemOf(error: unknown): string {
  const { type, code, message } = describeError(error);
  return (code !== undefined && BY_CODE[code]) || message || `It failed (${code ?? type}).`;
}
