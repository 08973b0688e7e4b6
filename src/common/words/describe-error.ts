import { QueryFailedError } from 'typeorm';

/** What may be told about an error in a log line. */
export interface ErrorDescription {
  type: string;
  code?: string;
  message?: string;
  stack?: string;
}

/**
 * Describes an error for the log: type, message, code and stack, nothing else that hangs on it.
 *
 * A database error carries the statement's parameters as fields, and its message quotes values (a duplicate key, a
 * text that is too long), so of those only the code and the stack frames are kept. So does the message of a JSON text
 * that does not parse.
 */
export function describeError(error: unknown): ErrorDescription {
  if (!(error instanceof Error)) return { type: typeof error };
  const code = codeOf(error);
  const fromDatabase = error instanceof QueryFailedError || 'sql' in error || /^(SQLITE|ER)_/.test(code ?? '');
  const quotesValues = fromDatabase || error instanceof SyntaxError;
  return {
    type: error.name,
    ...(code === undefined ? {} : { code }),
    ...(quotesValues ? {} : { message: error.message }),
    stack: frames(error),
  };
}

function codeOf(error: Error): string | undefined {
  const source: unknown = error instanceof QueryFailedError ? error.driverError : error;
  const code: unknown = typeof source === 'object' && source !== null && 'code' in source ? source.code : undefined;
  return typeof code === 'string' || typeof code === 'number' ? String(code) : undefined;
}

/** The stack begins with the message, which may quote values: keep the frames only. */
function frames(error: Error): string {
  return (error.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n');
}
