import { describeError } from '../words/describe-error.js';
import { problemOf } from '../words/problem-of.js';

/**
 * Why the server cannot start, in one sentence for the operator.
 *
 * @param database as it may be shown; it is named when the error is the database's
 */
export function startProblem(error: unknown, database: string): string {
  const problem = problemOf(error);
  return isOfDatabase(error) ? `${database}: ${problem}` : problem;
}

/** Why the server cannot listen. */
export function listenProblem(error: unknown, host: string, port: number): string {
  switch (describeError(error).code ?? '') {
    case 'EADDRINUSE':
      return `port ${port} is in use, set PORT to another one`;
    case 'EACCES':
      return `this user may not listen on port ${port}, set PORT to one from 1024 on`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EINVAL':
      return `HOST is ${host}, which is no address of this machine`;
    default:
      return problemOf(error);
  }
}

/** The sockets that a start opens itself are the database's: everything else says by itself whose it is. */
function isOfDatabase(error: unknown): boolean {
  const { code = '', type } = describeError(error);
  return (
    /^(SQLITE|ER)_/.test(code) ||
    type === 'QueryFailedError' ||
    /^(ECONNREFUSED|ENOTFOUND|ETIMEDOUT|EAI_AGAIN)$/.test(code)
  );
}
