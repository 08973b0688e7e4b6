import { describe, expect, it } from 'vitest';
import { isPublicAddress } from './public-address.js';

const PUBLIC = [
  '8.8.8.8',
  '172.15.255.255',
  '192.0.3.1',
  '223.255.255.255',
  '2606:4700::1111',
  '2a00:1450:4001::5',
  '::ffff:8.8.8.8',
];

const NOT_PUBLIC: Readonly<Record<string, readonly string[]>> = {
  'this machine': ['127.0.0.1', '127.255.255.254', '::1', '0.0.0.0', '0.1.2.3', '::'],
  'a network of one’s own': [
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    'fd00::1',
    'fc00::1',
    'fec0::1',
  ],
  'the same link': ['169.254.169.254', 'fe80::1', 'fe80::1%eth0'],
  'behind a carrier’s NAT': ['100.64.0.1', '100.127.255.255'],
  'many at once': ['224.0.0.1', '239.255.255.255', '255.255.255.255', 'ff02::1', 'ff0e::1'],
  'IPv4 within IPv6': [
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '::ffff:a9fe:a9fe',
    '::127.0.0.1',
    '::a00:1',
    '::ffff:0:127.0.0.1',
  ],
  'a way to IPv4': [
    '64:ff9b::127.0.0.1',
    '64:ff9b::808:808',
    '64:ff9b:1::a00:1',
    '2002:7f00:1::',
    '2002:808:808::1',
    '2001::1',
  ],
  'documentation and measuring': [
    '192.0.2.1',
    '198.51.100.1',
    '203.0.113.1',
    '198.18.0.1',
    '2001:db8::1',
    '2001:2::1',
    '3fff::1',
  ],
  'what is not given out': ['240.0.0.1', '192.0.0.8', '100::1', '4000::1', '5f00::1', '::2'],
  'not an address': ['', 'localhost', 'example.org', '127.0.0.1:80', '[::1]', '1.2.3.4.5', '::g'],
};

describe('a public address', () => {
  it.each(PUBLIC)('is %s', (address) => expect(isPublicAddress(address)).toBe(true));

  describe.each(Object.entries(NOT_PUBLIC))('is none of %s', (_, addresses) => {
    it.each(addresses)('%s', (address) => expect(isPublicAddress(address)).toBe(false));
  });
});
