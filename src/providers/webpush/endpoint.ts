import { isIP } from 'node:net';
import { isPublicAddress } from '../../common/words/public-address.js';

/** Where a phone's push server takes its pushes (RFC 8030 §5: the push resource). A stranger chose it. */
export interface Endpoint {
  /** In the one spelling that the URL standard gives it. */
  readonly url: string;
  /** `https://host` or `https://host:port`: whom a JWT of VAPID is for. */
  readonly origin: string;
  /** `host:port`; push servers are told apart by it. */
  readonly host: string;
  /** A name, or an IP address without brackets. */
  readonly hostname: string;
  readonly port: number;
}

/** UnifiedPush has 1,000 bytes (SERV_1.2.0); a token of this server has 1,024. */
export const MAX_ENDPOINT_LENGTH = 1024;

const HTTPS_PORT = 443;

/** Below it are the services of the system: mail, shells, files. None of them is a push server, and some obey what they are sent. */
const FIRST_FREE_PORT = 1024;

const PRINTABLE_ASCII = /^[\x21-\x7e]+$/;
const USER_INFO = /^[a-z]+:[\\/]*[^\\/?#]*@/i;

/**
 * Reads an endpoint; null = it is not a URL of https with a host, a path and perhaps a query, or it is too long.
 *
 * Spellings of IPv4 in decimal, octal or hexadecimal become plain ones.
 */
export function readEndpoint(text: string): Endpoint | null {
  if (!PRINTABLE_ASCII.test(text) || text.includes('#') || USER_INFO.test(text) || !URL.canParse(text)) return null;
  const { protocol, href, origin, host, hostname, port } = new URL(text);
  if (protocol !== 'https:' || href.length > MAX_ENDPOINT_LENGTH) return null;
  return {
    url: href,
    origin,
    host: port === '' ? `${host}:${HTTPS_PORT}` : host,
    hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? HTTPS_PORT : Number(port),
  };
}

/**
 * Whether a request may be sent there, as far as its text tells. An address must be public, and a name must have a dot within
 * it; what the name leads to is looked at when it is connected to (`AddressGuard`).
 */
export function mayBeReached({ hostname, port }: Endpoint, allowed: AllowedHosts): boolean {
  if (allowed.has(hostname, port)) return true;
  if (port !== HTTPS_PORT && port < FIRST_FREE_PORT) return false;
  return isIP(hostname) === 0 ? /[^.]\.[^.]+$/.test(hostname) : isPublicAddress(hostname);
}

/** The hosts of `WEBPUSH_ALLOWED_HOSTS`: names or addresses, each with a port or for all of its ports. */
export class AllowedHosts {
  private readonly hosts: ReadonlySet<string>;

  /** @param hosts `host` or `host:port`, in lower case */
  constructor(hosts: readonly string[]) {
    this.hosts = new Set(hosts);
  }

  has(hostname: string, port: number): boolean {
    const written = hostname.includes(':') ? `[${hostname}]` : hostname;
    return this.hosts.has(written) || this.hosts.has(`${written}:${port}`);
  }
}
