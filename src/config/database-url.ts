import { isIP } from 'node:net';

/** Where a MariaDB or MySQL is, as `DATABASE_URL` says it. */
export interface DatabaseAddress {
  readonly protocol: 'mysql' | 'mariadb';
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Null = the URL does not say. */
  readonly tls: DatabaseTls | null;
}

/** What is verified: nothing, that TLS is used, the CA, or the host name too. A connection never falls back to no TLS. */
export type DatabaseTls = 'off' | 'required' | 'verify-ca' | 'verify-identity';

/** As the database's own client and hosters spell them. */
const TLS_MODES: Readonly<Record<string, DatabaseTls>> = {
  DISABLED: 'off',
  DISABLE: 'off',
  REQUIRED: 'required',
  REQUIRE: 'required',
  VERIFY_CA: 'verify-ca',
  VERIFY_IDENTITY: 'verify-identity',
};

const TLS_NAMES: ReadonlySet<string> = new Set(['ssl-mode', 'sslmode', 'ssl_mode']);

export const DATABASE_URL = 'sqlite:path or mysql://user:password@host:port/database';

const PARTS =
  /^(mysql|mariadb):\/\/(?:([^/?#]*)@)?(\[[0-9a-fA-F:.]+\]|[^\s:/?#@[\]]+)(?::(\d{1,5}))?\/([^/?#]+)(?:\?([^#]*))?$/;
const PORT = 3306;

/** @throws RangeError that says what is wrong with it, without repeating any of it */
export function parseDatabaseUrl(url: string): DatabaseAddress {
  const [, protocol, credentials = '', host = '', port = PORT, database = '', query = ''] = PARTS.exec(url) ?? [];
  if ((protocol !== 'mysql' && protocol !== 'mariadb') || Number(port) > 65_535) throw new RangeError(unusable(url));
  const colon = credentials.indexOf(':');
  const [user, password] = colon < 0 ? [credentials, ''] : [credentials.slice(0, colon), credentials.slice(colon + 1)];
  const bare = host.replaceAll(/[[\]]/g, '');
  return {
    protocol,
    host: bare,
    port: Number(port),
    user: decode(user),
    password: decode(password),
    database: decode(database),
    tls: tlsOf(query, bare),
  };
}

function unusable(url: string): string {
  const hint = /^(?:mysql|mariadb):\/\//.test(url) ? '; write / ? # % in user and password as %2F %3F %23 %25' : '';
  return `must be ${DATABASE_URL}${hint}`;
}

function tlsOf(query: string, host: string): DatabaseTls | null {
  let tls: DatabaseTls | null = null;
  for (const [name, value] of new URLSearchParams(query)) {
    if (!TLS_NAMES.has(name.toLowerCase())) {
      throw new RangeError('may have ?ssl-mode=... and nothing else behind the name of the database');
    }
    tls = TLS_MODES[value.toUpperCase().replaceAll('-', '_')] ?? null;
    if (tls === null) {
      throw new RangeError('has an ssl-mode other than DISABLED, REQUIRED, VERIFY_CA and VERIFY_IDENTITY');
    }
  }
  if (tls === 'verify-identity' && isIP(host) !== 0) {
    throw new RangeError('needs a host name for the ssl-mode VERIFY_IDENTITY: with an address take VERIFY_CA');
  }
  return tls;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RangeError('has a % that is not followed by two hexadecimal digits: write %25 for the character itself');
  }
}
