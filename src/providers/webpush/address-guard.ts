import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { isPublicAddress } from '../../common/words/public-address.js';
import { type AllowedHosts, type Endpoint } from './endpoint.js';

/** A name whose own servers do not answer is given up after two tries of this. */
const DNS_TIMEOUT_MS = 2000;
const DNS_TRIES = 2;

/** Only the first of these are tried, however many a name has. */
const MAX_ADDRESSES = 4;

/** Why a name was not connected to, as the `code` of the socket's error. */
export const NOT_PUBLIC = 'ENOTPUBLIC';
export const TOO_OFTEN = 'ETOOOFTEN';

/** Decides about the addresses that a stranger's host name leads to. */
export class AddressGuard {
  private readonly resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: DNS_TRIES });

  /** @param dnsServers instead of the system's; tests bring their own */
  constructor(
    private readonly allowed: AllowedHosts,
    dnsServers?: readonly string[],
  ) {
    if (dnsServers) this.resolver.setServers(dnsServers);
  }

  /**
   * The `lookup` of the sockets to this endpoint's host. What it looks at is what the socket connects to: a name that leads
   * somewhere else the next moment changes nothing.
   *
   * Names of strangers are not resolved by `getaddrinfo`: it has four threads, which files need too, and a name whose servers
   * do not answer would hold one for half a minute.
   *
   * @param mayConnect whether there may be another connection to this address now
   */
  lookupFor({ hostname, port }: Endpoint, mayConnect: (address: string) => boolean): LookupFunction {
    if (this.allowed.has(hostname, port)) return lookup;
    return (name, options, done) => void this.answer(name, options, mayConnect, done);
  }

  /**
   * Where a proxy is asked to lead for this endpoint. A proxy that were asked for a stranger's name would resolve it itself, and
   * might lead into a network that it is in: so it is asked for the addresses that were looked at here.
   *
   * @throws an error whose `code` says why none of them may be connected to
   */
  async addressesFor({ hostname, port }: Endpoint, mayConnect: (address: string) => boolean): Promise<string[]> {
    if (this.allowed.has(hostname, port)) return [hostname];
    const found = isIP(hostname) === 0 ? await this.publicAddresses(hostname) : addressItself(hostname);
    return this.open(found, mayConnect).map(({ address }) => address);
  }

  /** Whether a socket may go on with what it is connected to: an address in the URL is never looked up. */
  permits({ hostname, port }: Endpoint, address: string | undefined): boolean {
    return this.allowed.has(hostname, port) || (address !== undefined && isPublicAddress(address));
  }

  /** Ends what is being looked up. */
  close(): void {
    this.resolver.cancel();
  }

  private async answer(
    name: string,
    { all, family }: LookupOptions,
    mayConnect: (address: string) => boolean,
    done: Parameters<LookupFunction>[2],
  ): Promise<void> {
    try {
      const found = await this.publicAddresses(name);
      const fitting = found.filter((one) => !family || family === one.family || family === `IPv${one.family}`);
      const [first, ...others] = this.open(fitting, mayConnect);
      if (all) done(null, [first, ...others]);
      else done(null, first.address, first.family);
    } catch (error) {
      done(error as NodeJS.ErrnoException, '', 4);
    }
  }

  /** Those that may be connected to now, one at least. */
  private open(
    found: readonly LookupAddress[],
    mayConnect: (address: string) => boolean,
  ): [LookupAddress, ...LookupAddress[]] {
    const [first, ...others] = found.filter(({ address }) => mayConnect(address));
    if (!first) throw errorOf(found.length === 0 ? NOT_PUBLIC : TOO_OFTEN);
    return [first, ...others];
  }

  /** @throws when the name has no address at all */
  private async publicAddresses(name: string): Promise<LookupAddress[]> {
    const [four, six] = await Promise.allSettled([this.resolver.resolve4(name), this.resolver.resolve6(name)]);
    if (four.status === 'rejected' && six.status === 'rejected') throw four.reason;
    return [...addressesOf(four, 4), ...addressesOf(six, 6)]
      .filter(({ address }) => isPublicAddress(address))
      .slice(0, MAX_ADDRESSES);
  }
}

const addressItself = (address: string): LookupAddress[] =>
  isPublicAddress(address) ? [{ address, family: isIP(address) }] : [];

const addressesOf = (found: PromiseSettledResult<string[]>, family: 4 | 6): LookupAddress[] =>
  found.status === 'fulfilled' ? found.value.map((address) => ({ address, family })) : [];

const errorOf = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code });
