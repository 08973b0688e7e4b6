/** Why the server cannot start, in words for the operator. */
export function startProblem(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  switch (code) {
    case 'EADDRINUSE':
      return 'the port is in use, set PORT to another one';
    case 'EACCES':
      return 'access is denied, check HOST, PORT and the rights on the data folder';
    case 'ECONNREFUSED':
    case 'ENOTFOUND':
    case 'ETIMEDOUT':
      return 'the database cannot be reached, check DATABASE_URL';
    case 'ER_ACCESS_DENIED_ERROR':
    case 'ER_DBACCESS_DENIED_ERROR':
    case 'ER_BAD_DB_ERROR':
      return 'the database refuses us, check user, password and database name in DATABASE_URL';
    default:
      return error instanceof Error ? error.message : 'unknown error';
  }
}
