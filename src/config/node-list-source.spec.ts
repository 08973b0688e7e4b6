import { describe, expect, it } from 'vitest';
import { isBuiltInNetwork, parseNodeListSources } from './node-list-source.js';

const KEY = 'aB'.repeat(32);

describe('parseNodeListSources', () => {
  it('reads sources of every kind, in their order', () => {
    const value = `curve://node.example:22027/${KEY}, tcp://127.0.0.1:22023,tcp://[::1]:1,ipc:///run/oxend.sock,https://host:4443/json_rpc,http://host/json_rpc?x=1`;
    expect(parseNodeListSources(value)).toEqual([
      { kind: 'oxenmq', address: { kind: 'tcp', host: 'node.example', port: 22_027 }, key: KEY.toLowerCase() },
      { kind: 'oxenmq', address: { kind: 'tcp', host: '127.0.0.1', port: 22_023 }, key: null },
      { kind: 'oxenmq', address: { kind: 'tcp', host: '::1', port: 1 }, key: null },
      { kind: 'oxenmq', address: { kind: 'ipc', path: '/run/oxend.sock' }, key: null },
      { kind: 'json-rpc', url: 'https://host:4443/json_rpc' },
      { kind: 'json-rpc', url: 'http://host/json_rpc?x=1' },
    ]);
  });

  it.each(['mainnet', 'testnet'])('has sources for %s', (network) => {
    expect(isBuiltInNetwork(network)).toBe(true);
    expect(parseNodeListSources(network)?.length).toBeGreaterThan(1);
  });

  it.each([
    'stagenet',
    'constructor',
    '127.0.0.1:22023',
    'ftp://host/list',
    'tcp://host',
    'tcp://host:1/path',
    'tcp://host:1?x',
    'curve://host:1',
    `curve://host:1/${KEY}00`,
    `curve://host/${KEY}`,
    'ipc://',
    'ipc:///',
    'ipc://host/path',
    'https://user:password@host/json_rpc',
    'tcp://127.0.0.1:1,',
    'tcp://127.0.0.1:1,nonsense',
  ])('does not take %s', (value) => {
    expect(parseNodeListSources(value)).toBeNull();
  });
});
