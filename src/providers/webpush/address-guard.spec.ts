import { type LookupAddress } from 'node:dns';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DnsServer } from '../../../test/support/dns-server.js';
import { AddressGuard, NOT_PUBLIC, TOO_OFTEN } from './address-guard.js';
import { AllowedHosts, type Endpoint, readEndpoint } from './endpoint.js';

describe('the address guard', () => {
  let dns: DnsServer;
  let zone: (name: string) => readonly string[] | null;
  let guard: AddressGuard;
  beforeAll(async () => {
    dns = await DnsServer.start((name) => zone(name));
    guard = new AddressGuard(new AllowedHosts(['localhost', 'inside.example.org:8443']), [dns.address]);
  });
  afterAll(async () => {
    guard.close();
    await dns.close();
  });

  const endpointAt = (url: string): Endpoint => {
    const endpoint = readEndpoint(url);
    if (!endpoint) throw new Error('not an endpoint');
    return endpoint;
  };
  /** The addresses that a socket to the endpoint would be connected to, or why there are none. */
  const lookUp = (url: string, mayConnect: (address: string) => boolean = () => true): Promise<string[] | string> => {
    const endpoint = endpointAt(url);
    return new Promise((resolve) =>
      guard.lookupFor(endpoint, mayConnect)(endpoint.hostname, { all: true }, (error, found) =>
        resolve(error ? String(error.code) : (found as LookupAddress[]).map(({ address }) => address)),
      ),
    );
  };

  it('lets a name lead to public addresses, few of them', async () => {
    zone = () => ['8.8.8.8', '2606:4700::1111'];
    expect(await lookUp('https://push.example.org/x')).toEqual(['8.8.8.8', '2606:4700::1111']);
    zone = () => ['8.8.8.1', '8.8.8.2', '8.8.8.3', '8.8.8.4', '8.8.8.5'];
    expect(await lookUp('https://push.example.org/x')).toHaveLength(4);
  });

  it('gives one address to who asks for one, of the family that is asked for', async () => {
    zone = () => ['8.8.8.8', '2606:4700::1111'];
    const endpoint = endpointAt('https://push.example.org/x');
    const one = (family: number) =>
      new Promise((resolve) =>
        guard.lookupFor(endpoint, () => true)(endpoint.hostname, { family }, (_, address, of) =>
          resolve([address, of]),
        ),
      );
    expect(await one(0)).toEqual(['8.8.8.8', 4]);
    expect(await one(6)).toEqual(['2606:4700::1111', 6]);
  });

  it.each([
    '127.0.0.1',
    '0.0.0.0',
    '10.1.2.3',
    '169.254.169.254',
    '192.168.1.1',
    '100.64.0.1',
    '224.0.0.1',
    '::1',
    '::',
    'fe80::1',
    'fd00::1',
    'ff02::1',
    '::ffff:7f00:1',
    '::7f00:1',
    '64:ff9b::a00:1',
    '2002:a00:1::1',
  ])('lets no name lead to %s', async (address) => {
    zone = () => [address];
    expect(await lookUp('https://push.example.org/x')).toBe(NOT_PUBLIC);
  });

  it('passes over the addresses that are not public', async () => {
    zone = () => ['127.0.0.1', '8.8.8.8', '::1'];
    expect(await lookUp('https://push.example.org/x')).toEqual(['8.8.8.8']);
  });

  it('looks at each answer for itself, so that a name may not change its mind', async () => {
    const answers = ['8.8.8.8', '8.8.8.8', '127.0.0.1', '127.0.0.1'];
    zone = () => [answers.shift() ?? '127.0.0.1'];
    expect(await lookUp('https://push.example.org/x')).toEqual(['8.8.8.8']);
    expect(await lookUp('https://push.example.org/x')).toBe(NOT_PUBLIC);
  });

  it('says that a name is unknown', async () => {
    zone = () => [];
    expect(await lookUp('https://push.example.org/x')).toBe('ENOTFOUND');
  });

  it('gives a name up whose servers do not answer', async () => {
    zone = () => null;
    expect(await lookUp('https://push.example.org/x')).toBe('ETIMEOUT');
  }, 60_000);

  it('connects to an address no more often than it may', async () => {
    zone = () => ['8.8.8.8', '8.8.4.4'];
    expect(await lookUp('https://push.example.org/x', (address) => address === '8.8.4.4')).toEqual(['8.8.4.4']);
    expect(await lookUp('https://push.example.org/x', () => false)).toBe(TOO_OFTEN);
  });

  it('leaves the hosts that the operator allows to the system', async () => {
    dns.asked.length = 0;
    expect(await lookUp('https://localhost:1234/x')).toContain('127.0.0.1');
    expect(dns.asked).toEqual([]);
    zone = () => ['10.0.0.1'];
    expect(await lookUp('https://inside.example.org:9443/x')).toBe(NOT_PUBLIC);
  });

  it('looks at what a socket is connected to in the end', () => {
    const stranger = endpointAt('https://push.example.org/x');
    expect(guard.permits(stranger, '8.8.8.8')).toBe(true);
    for (const address of ['127.0.0.1', '::ffff:127.0.0.1', undefined])
      expect(guard.permits(stranger, address)).toBe(false);
    expect(guard.permits(endpointAt('https://localhost/x'), '127.0.0.1')).toBe(true);
  });
});
