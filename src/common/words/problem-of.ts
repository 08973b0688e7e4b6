import { resolve } from 'node:path';
import { describeError } from './describe-error.js';

const AWAY = 'The database cannot be reached, check DATABASE_URL.';

const TOO_MANY = 'The database allows no more connections: others have all of them, see DATABASE_CONNECTIONS.';

const BY_CODE: Readonly<Record<string, string>> = {
  ECONNREFUSED: AWAY,
  ENOTFOUND: AWAY,
  ETIMEDOUT: AWAY,
  EAI_AGAIN: AWAY,
  ER_ACCESS_DENIED_ERROR:
    'The database refuses the login, check user and password in DATABASE_URL, and whether it requires TLS (?ssl-mode=REQUIRED).',
  ER_DBACCESS_DENIED_ERROR: 'The database refuses access, check the database name in DATABASE_URL.',
  HANDSHAKE_NO_SSL_SUPPORT: 'The database offers no TLS, which DATABASE_URL or DATABASE_CA_FILE requires.',
  HANDSHAKE_SSL_ERROR: 'TLS with the database fails, check DATABASE_CA_FILE and the ssl-mode in DATABASE_URL.',
  ER_CON_COUNT_ERROR: TOO_MANY,
  ER_USER_LIMIT_REACHED: TOO_MANY,
  ER_TOO_MANY_USER_CONNECTIONS: TOO_MANY,
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
  const file = fileOf(error);
  if (file !== null)
    return `${file}: ${(code !== undefined && BY_FILE_CODE[code]) || `it cannot be used (${code ?? type})`}.`;
  return (code !== undefined && BY_CODE[code]) || message || `It failed (${code ?? type}).`;
}

const BY_FILE_CODE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'this user may not open or make it',
  EPERM: 'this user may not change it',
  EROFS: 'it is on a file system that cannot be written',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a file is in the place of a folder',
  EISDIR: 'it is a folder, not a file',
  EEXIST: 'something else is in its place',
};

/** The whole path of the file that a system call failed on. */
function fileOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('path' in error) || !('syscall' in error)) return null;
  return typeof error.path === 'string' && error.path !== '' ? resolve(error.path) : null;
}
