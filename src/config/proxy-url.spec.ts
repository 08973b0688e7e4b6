import { describe, expect, it } from 'vitest';
import { isException, parseProxyExceptions, parseProxyUrl } from './proxy-url.js';

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

describe('HTTPS_PROXY', () => {
  it.each([
    ['http://proxy:3128', { protocol: 'http:', host: 'proxy', port: 3128, authorization: null }],
    ['http://proxy.example.org/', { protocol: 'http:', host: 'proxy.example.org', port: 80, authorization: null }],
    ['https://[::1]', { protocol: 'https:', host: '::1', port: 443, authorization: null }],
    [
      'http://me:p%40ss%2F%C3%BC@proxy:1',
      { protocol: 'http:', host: 'proxy', port: 1, authorization: basic('me:p@ss/ü') },
    ],
    ['http://me@proxy:1', { protocol: 'http:', host: 'proxy', port: 1, authorization: basic('me:') }],
  ])('is understood as %s', (url, address) => {
    expect(parseProxyUrl(url)).toEqual(address);
  });

  it.each([
    'proxy:3128',
    'socks5://proxy:1080',
    'http://',
    'http://proxy/path',
    'http://proxy?x',
    'http://u:p%zz@proxy',
  ])('is refused as %s', (url) => {
    expect(() => parseProxyUrl(url)).toThrow(RangeError);
  });

  it('is not repeated, and told how to write a password', () => {
    expect(() => parseProxyUrl('http://user:p/ss@proxy:3128')).toThrow(
      /^must be http:\/\/host:port.*write \/ \? # % @/,
    );
    expect(() => parseProxyUrl('http://user:p/ss@proxy:3128')).not.toThrow(/p\/ss/);
  });
});

describe('NO_PROXY', () => {
  const isLeftOut = (list: string, host: string, port = 443): boolean =>
    isException(parseProxyExceptions(list) ?? [], host, port);

  it.each([
    ['example.org', 'example.org'],
    ['example.org', 'push.example.org'],
    ['.example.org', 'push.example.org'],
    ['*.example.org', 'push.example.org'],
    ['EXAMPLE.org', 'Example.ORG.'],
    ['a.org, b.org', 'b.org'],
    ['a.org b.org', 'b.org'],
    ['example.org:8443', 'example.org', 8443],
    ['localhost', 'localhost'],
    ['127.0.0.1', '127.0.0.1'],
    ['10.0.0.0/8', '10.1.2.3'],
    ['::1', '::1'],
    ['[::1]:8443', '0:0::1', 8443],
    ['fd00::/8', 'fd12::1'],
    ['*', 'anything.example.org'],
  ])('%s leaves out %s', (list, host, port?) => {
    expect(isLeftOut(list, host, port)).toBe(true);
  });

  it.each([
    ['example.org', 'notexample.org'],
    ['example.org', 'example.org.evil.net'],
    ['push.example.org', 'example.org'],
    ['example.org:8443', 'example.org', 443],
    ['10.0.0.0/8', '11.0.0.1'],
    ['10.0.0.0/8', 'ten.example.org'],
    ['10.0.0.0/8', 'fd00::1'],
    ['', 'example.org'],
  ])('%s does not leave out %s', (list, host, port?) => {
    expect(isLeftOut(list, host, port)).toBe(false);
  });

  it.each(['http://example.org', '10.0.0.0/33', 'a_b c!d', 'example.org:99999', 'exa*mple.org'])(
    'is refused as %s',
    (list) => {
      expect(parseProxyExceptions(list)).toBeNull();
    },
  );
});
