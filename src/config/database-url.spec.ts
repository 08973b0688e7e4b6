import { describe, expect, it } from 'vitest';
import { parseDatabaseUrl } from './database-url.js';

const PLAIN = { protocol: 'mysql', host: 'host', port: 3306, user: '', password: '', database: 'push', tls: null };

describe('parseDatabaseUrl', () => {
  it.each([
    ['mysql://host/push', PLAIN],
    ['mariadb://u:p@host:3307/push', { ...PLAIN, protocol: 'mariadb', port: 3307, user: 'u', password: 'p' }],
    ['mysql://u@host/push', { ...PLAIN, user: 'u' }],
    ['mysql://u:p%40s%2Fs%25:x@host/push', { ...PLAIN, user: 'u', password: 'p@s/s%:x' }],
    ['mysql://u:p@ss@host/push', { ...PLAIN, user: 'u', password: 'p@ss' }],
    ['mysql://u:pä+"\'@host/push', { ...PLAIN, user: 'u', password: 'pä+"\'' }],
    ['mysql://[::1]:3307/push', { ...PLAIN, host: '::1', port: 3307 }],
    ['mysql://host/my%20push', { ...PLAIN, database: 'my push' }],
    ['mysql://host/push?', PLAIN],
    ['mysql://host/push?ssl-mode=DISABLED', { ...PLAIN, tls: 'off' }],
    ['mysql://host/push?ssl-mode=REQUIRED', { ...PLAIN, tls: 'required' }],
    ['mysql://host/push?sslmode=require', { ...PLAIN, tls: 'required' }],
    ['mysql://host/push?ssl_mode=verify-ca', { ...PLAIN, tls: 'verify-ca' }],
    ['mysql://host/push?ssl-mode=VERIFY_IDENTITY', { ...PLAIN, tls: 'verify-identity' }],
    ['mysql://[::1]/push?ssl-mode=VERIFY_CA', { ...PLAIN, host: '::1', tls: 'verify-ca' }],
  ])('understands %s', (url, address) => {
    expect(parseDatabaseUrl(url)).toEqual(address);
  });

  it.each([
    ['postgres://u:p@h/d', 'must be sqlite:path or mysql://'],
    ['mysql://host', 'must be sqlite:path or mysql://'],
    ['mysql://host/', 'must be sqlite:path or mysql://'],
    ['mysql://host:99999/push', 'must be sqlite:path or mysql://'],
    ['mysql://host/push/more', 'must be sqlite:path or mysql://'],
    ['mysql://u:p/ss@host/push', '%2F'],
    ['mysql://u:p#ss@host/push', '%23'],
    ['mysql://u:p?ss@host/push', '%3F'],
    ['mysql://u:p%ss@host/push', '%25'],
    // Neither is ignored: the connection would be another one than was asked for.
    ['mysql://host/push?socketPath=/run/mysqld.sock', 'nothing else'],
    ['mysql://host/push?ssl={"rejectUnauthorized":true}', 'nothing else'],
    ['mysql://host/push?ssl-mode=PREFERRED', 'ssl-mode other than'],
    ['mysql://host/push?ssl-mode=', 'ssl-mode other than'],
    ['mysql://127.0.0.1/push?ssl-mode=VERIFY_IDENTITY', 'needs a host name'],
  ])('refuses %s: %s', (url, problem) => {
    expect(() => parseDatabaseUrl(url)).toThrow(problem);
  });

  it('repeats nothing of what it refuses', () => {
    for (const url of ['mysql://u:hush@host/', 'mysql://u:hu%sh@host/p', 'hush', 'mysql://h/p?hush=hush']) {
      expect(() => parseDatabaseUrl(url)).toThrow(/^(?!.*hu)/);
    }
  });
});
