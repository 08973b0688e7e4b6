import { describe, expect, it } from 'vitest';
import { AllowedHosts, mayBeReached, readEndpoint } from './endpoint.js';

const NOBODY = new AllowedHosts([]);
const reaches = (text: string, allowed = NOBODY): boolean => {
  const endpoint = readEndpoint(text);
  return endpoint !== null && mayBeReached(endpoint, allowed);
};

describe('an endpoint', () => {
  it('is taken apart', () => {
    expect(readEndpoint('https://Push.Example.org/up/abc?x=1')).toEqual({
      url: 'https://push.example.org/up/abc?x=1',
      origin: 'https://push.example.org',
      host: 'push.example.org:443',
      hostname: 'push.example.org',
      port: 443,
    });
    expect(readEndpoint('https://[2606:4700::1111]:8443/x')).toEqual({
      url: 'https://[2606:4700::1111]:8443/x',
      origin: 'https://[2606:4700::1111]:8443',
      host: '[2606:4700::1111]:8443',
      hostname: '2606:4700::1111',
      port: 8443,
    });
  });

  it('has one spelling', () => {
    expect(readEndpoint('https://push.example.org:443/x')?.url).toBe('https://push.example.org/x');
    expect(readEndpoint('HTTPS://PUSH.example.org/a/../x')?.url).toBe('https://push.example.org/x');
  });

  it.each([
    ['nothing', ''],
    ['another scheme', 'http://push.example.org/x'],
    ['another scheme', 'ftp://push.example.org/x'],
    ['another scheme', 'file:///etc/passwd'],
    ['no host', 'https:///'],
    ['a user', 'https://user@push.example.org/x'],
    ['an empty user', 'https://@push.example.org/x'],
    ['a user behind backslashes', 'https:\\\\user@push.example.org\\x'],
    ['a password', 'https://user:word@push.example.org/x'],
    ['a fragment', 'https://push.example.org/x#y'],
    ['an empty fragment', 'https://push.example.org/x#'],
    ['spaces', 'https://push.example.org/a b'],
    ['a line break', 'https://push.example.org/a\r\nx: y'],
    ['other than ASCII', 'https://püsh.example.org/x'],
    ['a port that is none', 'https://push.example.org:65536/x'],
    ['a zone id', 'https://[fe80::1%25eth0]/x'],
    ['an address that is none', 'https://1.2.3.4.5.6.7.8:x/'],
  ])('is not one with %s', (_, text) => expect(readEndpoint(text)).toBeNull());

  it('has at most 1,024 characters', () => {
    const base = 'https://push.example.org/';
    expect(readEndpoint(base + 'x'.repeat(1024 - base.length))).not.toBeNull();
    expect(readEndpoint(base + 'x'.repeat(1025 - base.length))).toBeNull();
    expect(readEndpoint(base + '"'.repeat(900))).toBeNull();
  });

  it.each([
    'https://push.example.org/x',
    'https://push.example.org:8443/x',
    'https://8.8.8.8/x',
    'https://[2606:4700::1111]/x',
    'https://[::ffff:8.8.8.8]/x',
    'https://user.example.org/@x',
  ])('may be reached at %s', (text) => expect(reaches(text)).toBe(true));

  it.each([
    ['this machine', 'https://127.0.0.1/x'],
    ['this machine in decimal', 'https://2130706433/x'],
    ['this machine in octal', 'https://0177.0.0.1/x'],
    ['this machine in hexadecimal', 'https://0x7f.1/x'],
    ['this machine in short', 'https://127.1/x'],
    ['this machine in full-width digits', 'https://%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1/x'],
    ['this machine by name', 'https://localhost/x'],
    ['this machine by name with a dot', 'https://localhost./x'],
    ['this machine in IPv6', 'https://[::1]/x'],
    ['any address', 'https://0.0.0.0/x'],
    ['a mapped address', 'https://[::ffff:127.0.0.1]/x'],
    ['a NAT64 address', 'https://[64:ff9b::10.0.0.1]/x'],
    ['a 6to4 address', 'https://[2002:a00:1::]/x'],
    ['a private address', 'https://192.168.0.1/x'],
    ['a link-local address', 'https://169.254.169.254/latest/meta-data'],
    ['a multicast address', 'https://224.0.0.1/x'],
    ['a name without a dot', 'https://router/x'],
    ['a name that ends with a dot', 'https://push.example.org./x'],
    ['a port of mail', 'https://push.example.org:25/x'],
    ['a port of shells', 'https://push.example.org:22/x'],
    ['port 0', 'https://push.example.org:0/x'],
  ])('may not be reached at %s', (_, text) => expect(reaches(text)).toBe(false));

  it('may be reached anywhere that the operator allows', () => {
    const allowed = new AllowedHosts(['localhost', '10.0.0.7:8443', '[fd00::1]', 'ntfy:443']);
    for (const url of ['https://localhost:99/x', 'https://10.0.0.7:8443/x', 'https://[fd00::1]:1/x', 'https://ntfy/x'])
      expect([url, reaches(url, allowed)]).toEqual([url, true]);
    for (const url of ['https://10.0.0.7/x', 'https://10.0.0.8:8443/x', 'https://ntfy:8443/x', 'https://xlocalhost/x'])
      expect([url, reaches(url, allowed)]).toEqual([url, false]);
  });
});
