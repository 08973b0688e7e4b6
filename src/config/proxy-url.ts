import ipaddr from 'ipaddr.js';

/** The proxy that leads out, as `HTTPS_PROXY` says it. */
export interface ProxyAddress {
  readonly protocol: 'http:' | 'https:';
  readonly host: string;
  readonly port: number;
  /** The value of `Proxy-Authorization` (Basic, RFC 7617); null = the proxy asks for no password. */
  readonly authorization: string | null;
}

/** Hosts that are reached without the proxy; all that is given of one has to fit. */
export type ProxyException =
  | { readonly kind: 'all' }
  /** A name with the names below it, or an address in one spelling. */
  | { readonly kind: 'host'; readonly host: string; readonly port: number | null }
  | { readonly kind: 'range'; readonly range: [ipaddr.IPv4 | ipaddr.IPv6, number] };

export const PROXY_URL = 'http://host:port, or https://user:password@host:port';

/** @throws RangeError that says what is wrong with it, without repeating any of it */
export function parseProxyUrl(value: string): ProxyAddress {
  if (!URL.canParse(value)) throw new RangeError(unusable(value));
  const { protocol, hostname, port, pathname, search, hash, username, password } = new URL(value);
  if ((protocol !== 'http:' && protocol !== 'https:') || hostname === '') throw new RangeError(unusable(value));
  if (pathname !== '/' || search !== '' || hash !== '') throw new RangeError(unusable(value));
  return {
    protocol,
    host: hostname.replaceAll(/[[\]]/g, ''),
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
    authorization: username === '' && password === '' ? null : basic(decode(username), decode(password)),
  };
}

function unusable(value: string): string {
  const hint = value.includes('@') ? '; write / ? # % @ in user and password as %2F %3F %23 %25 %40' : '';
  return `must be ${PROXY_URL}, with nothing behind it${hint}`;
}

const basic = (username: string, password: string): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RangeError('has a % that is not followed by two hexadecimal digits: write %25 for the character itself');
  }
}

export const NO_PROXY = 'host names, addresses or ranges (10.0.0.0/8), with commas between; * = all hosts';

const ENTRY = /^(?:\*?\.)?([\w-]+(?:\.[\w-]+)*|\[[0-9a-f:.]+\])(?::(\d{1,5}))?$/;

/** Reads `NO_PROXY`. Null when a part of it cannot be understood. */
export function parseProxyExceptions(value: string): ProxyException[] | null {
  const parts = value
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((part) => part !== '');
  const exceptions = parts.map(readException);
  return exceptions.every((exception) => exception !== null) ? exceptions : null;
}

function readException(part: string): ProxyException | null {
  if (part === '*') return { kind: 'all' };
  if (part.includes('/')) return ipaddr.isValidCIDR(part) ? { kind: 'range', range: ipaddr.parseCIDR(part) } : null;
  if (ipaddr.isValid(part)) return { kind: 'host', host: spellingOf(part), port: null };
  const [, host, port] = ENTRY.exec(part) ?? [];
  if (host === undefined || Number(port) > 65_535) return null;
  return {
    kind: 'host',
    host: spellingOf(host.replaceAll(/[[\]]/g, '')),
    port: port === undefined ? null : Number(port),
  };
}

/** Whether a host is reached without the proxy. Names below a name are meant with it, whether it has a dot before it or not. */
export function isException(exceptions: readonly ProxyException[], host: string, port: number): boolean {
  const wanted = spellingOf(host.toLowerCase().replace(/\.$/, ''));
  return exceptions.some((exception) => {
    switch (exception.kind) {
      case 'all':
        return true;
      case 'host': {
        const isThere = wanted === exception.host || wanted.endsWith(`.${exception.host}`);
        return isThere && (exception.port === null || exception.port === port);
      }
      case 'range':
        return isWithin(wanted, exception.range);
    }
  });
}

function isWithin(host: string, [network, bits]: [ipaddr.IPv4 | ipaddr.IPv6, number]): boolean {
  if (!ipaddr.isValid(host)) return false;
  const address = ipaddr.process(host);
  return address.kind() === network.kind() && address.match(network, bits);
}

const spellingOf = (host: string): string => (ipaddr.isValid(host) ? ipaddr.process(host).toString() : host);
