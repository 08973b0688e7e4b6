import { describe, expect, it } from 'vitest';
import { parseRedisUrl } from './redis-url.js';

const PLAIN = { username: null, password: null, number: 0, tls: false };
const one = (host: string, port = 6379) => ({ kind: 'one', host, port });

describe('parseRedisUrl', () => {
  it.each([
    ['redis://host', { ...PLAIN, servers: one('host') }],
    ['redis://host:7000/', { ...PLAIN, servers: one('host', 7000) }],
    ['redis://host/3', { ...PLAIN, servers: one('host'), number: 3 }],
    ['redis://[::1]:7000/2', { ...PLAIN, servers: one('::1', 7000), number: 2 }],
    [
      'rediss://user:p%40ss%2Fword@host',
      { ...PLAIN, servers: one('host'), username: 'user', password: 'p@ss/word', tls: true },
    ],
    ['redis://:p@ss@host', { ...PLAIN, servers: one('host'), password: 'p@ss' }],
    ['redis://:secret:with:colons@host', { ...PLAIN, servers: one('host'), password: 'secret:with:colons' }],
    [
      'redis+sentinel://a,b:7001,[::1]:7002/mymaster',
      {
        ...PLAIN,
        servers: {
          kind: 'sentinel',
          name: 'mymaster',
          sentinels: [
            { host: 'a', port: 26_379 },
            { host: 'b', port: 7001 },
            { host: '::1', port: 7002 },
          ],
        },
      },
    ],
    [
      'rediss+sentinel://user:word@a/name/4',
      {
        servers: { kind: 'sentinel', name: 'name', sentinels: [{ host: 'a', port: 26_379 }] },
        username: 'user',
        password: 'word',
        number: 4,
        tls: true,
      },
    ],
  ])('understands %s', (url, address) => {
    expect(parseRedisUrl(url)).toEqual(address);
  });

  it.each([
    ['host:6379', 'must be redis://'],
    ['http://host', 'must be redis://'],
    ['redis://', 'must be redis://'],
    ['redis://host:port', 'must be redis://'],
    ['redis://host:70000', 'must be redis://'],
    ['redis:///tmp/redis.sock', 'must be redis://'],
    // The client would ignore some of these, and take others for settings of its own.
    ['redis://host/1?db=2', 'with nothing behind it'],
    ['redis://host/#1', 'with nothing behind it'],
    ['redis://host/push', 'the number of the database'],
    ['redis://host/1/2', 'the number of the database'],
    ['redis://host/-1', 'the number of the database'],
    ['redis://host/1.5', 'the number of the database'],
    ['redis://a:1,b:2', 'several are sentinels'],
    ['redis+sentinel://a', 'name the primary'],
    ['redis+sentinel://a/', 'name the primary'],
    ['redis+sentinel://a/name/db', 'the number of the database'],
    ['redis://:p%ss@host', '%25'],
  ])('refuses %s: %s', (url, problem) => {
    expect(() => parseRedisUrl(url)).toThrow(problem);
  });

  it('repeats nothing of what it refuses', () => {
    for (const url of ['redis://:hush@host/x', 'redis://:hu%sh@host', 'hush', 'redis+sentinel://:hush@a/']) {
      expect(() => parseRedisUrl(url)).toThrow(/^(?!.*hu)/);
    }
  });
});
