/** Where Redis is, as `REDIS_URL` says it. */
export interface RedisAddress {
  readonly servers: RedisServers;
  readonly username: string | null;
  readonly password: string | null;
  /** The number of the database. */
  readonly number: number;
  readonly tls: boolean;
}

type RedisServers =
  | { readonly kind: 'one'; readonly host: string; readonly port: number }
  /** Sentinels tell which server is the primary of this name. */
  | { readonly kind: 'sentinel'; readonly sentinels: readonly HostAndPort[]; readonly name: string };

interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

export const REDIS_URL =
  'redis://host:port, rediss://user:password@host:port/number or redis+sentinel://host:port,host:port/name/number';

const PARTS = /^(rediss?)(\+sentinel)?:\/\/(?:([^/?#]*)@)?([^@/?#]+)(\/[^?#]*)?$/;
const HOST = /^(\[[0-9a-fA-F:.]+\]|[^\s:[\]]+)(?::(\d{1,5}))?$/;
const REDIS_PORT = 6379;
const SENTINEL_PORT = 26_379;

/** @throws RangeError that says what is wrong with it, without repeating any of it */
export function parseRedisUrl(url: string): RedisAddress {
  const parts = PARTS.exec(url);
  if (!parts) throw new RangeError(`must be ${REDIS_URL}, with nothing behind it`);
  const [, protocol, sentinel, credentials = '', hosts = '', path = ''] = parts;
  const [username = '', password = ''] = splitOnce(credentials, ':').map((part) => decode(part));
  const steps = path
    .split('/')
    .slice(1)
    .map((step) => decode(step));
  const name = sentinel === undefined ? null : (steps.shift() ?? '');
  if (name === '')
    throw new RangeError('must name the primary that the sentinels watch: redis+sentinel://host:port/name');
  return {
    servers: name === null ? oneServer(hosts) : { kind: 'sentinel', sentinels: listOf(hosts), name },
    username: username || null,
    password: password || null,
    number: numberOf(steps),
    tls: protocol === 'rediss',
  };
}

function oneServer(hosts: string): RedisServers {
  if (hosts.includes(',')) throw new RangeError('must name one host; several are sentinels: redis+sentinel://…');
  return { kind: 'one', ...hostAndPort(hosts, REDIS_PORT) };
}

const listOf = (hosts: string): HostAndPort[] => hosts.split(',').map((text) => hostAndPort(text, SENTINEL_PORT));

function hostAndPort(text: string, fallback: number): HostAndPort {
  const [, host, port] = HOST.exec(text) ?? [];
  if (host === undefined || Number(port) > 65_535) throw new RangeError(`must be ${REDIS_URL}`);
  return { host: host.replaceAll(/[[\]]/g, ''), port: port === undefined ? fallback : Number(port) };
}

function numberOf(steps: readonly string[]): number {
  const [number = '', ...more] = steps;
  if (number === '' && more.length === 0) return 0;
  if (more.length > 0 || !/^\d{1,5}$/.test(number)) {
    throw new RangeError('must end with the number of the database and nothing else, as in redis://host:6379/1');
  }
  return Number(number);
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RangeError('has a % that is not followed by two hexadecimal digits: write %25 for the character itself');
  }
}
