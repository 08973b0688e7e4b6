const AWAY = 'Postgres cannot be reached: check host and port, and whether it listens there.';
const REFUSED = 'Postgres refuses the login: check user and password, and its pg_hba.conf.';
const BROKE_OFF = 'The connection to Postgres was lost. Run the command again.';

/** The system's codes, and those of https://www.postgresql.org/docs/current/errcodes-appendix.html. */
const BY_CODE: Readonly<Record<string, string>> = {
  ECONNREFUSED: AWAY,
  ENOTFOUND: AWAY,
  EAI_AGAIN: AWAY,
  ENOENT: AWAY,
  ETIMEDOUT: AWAY,
  EHOSTUNREACH: AWAY,
  ECONNRESET: BROKE_OFF,
  '28000': REFUSED,
  '28P01': REFUSED,
  '3D000': 'Postgres has no such database.',
  '42501':
    'This Postgres user lacks a privilege: reading takes SELECT on both tables, writing may take CREATE on the schema.',
  '53300': 'Postgres accepts no more connections.',
  '57P01': BROKE_OFF,
  '57P02': BROKE_OFF,
  '57P03': 'Postgres is starting up or shutting down. Run the command again.',
};

/** One sentence for the operator. Postgres' own message is left out, because it may quote values. */
export function problemOfPostgres(error: unknown): string {
  if (!(error instanceof Error)) return 'Postgres failed.';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : null;
  if (code !== null) return BY_CODE[code] ?? `Postgres failed (${code}).`;
  return /timeout/i.test(error.message)
    ? AWAY
    : /terminated|not queryable/i.test(error.message)
      ? BROKE_OFF
      : 'Postgres failed.';
}
