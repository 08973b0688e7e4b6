import { describe, expect, it } from 'vitest';
import vectors from '../../../test/vectors/oxenmq-vectors.json' with { type: 'json' };
import {
  implausibility,
  isOtherNetwork,
  isSameNetwork,
  listQuestion,
  type NodeList,
  readNodeList,
  type StorageNode,
  toNodeList,
  writeNodeList,
} from './node-list.protocol.js';

const key = (index: number) => index.toString(16).padStart(64, '0');
const state = (index: number, changed: object = {}) => ({
  pubkey_x25519: key(index),
  public_ip: `192.0.2.${index}`,
  storage_lmq_port: 22_020,
  swarm: (index * 16).toString(16),
  swarm_id: index * 16,
  ...changed,
});
const answer = (states: unknown, rest: object = {}) => JSON.stringify({ service_node_states: states, ...rest });
const all = (_host: string) => true;

function listOf(json: string, isWanted = all): NodeList {
  const read = readNodeList(json, isWanted);
  if (read.kind !== 'list') throw new Error(read.kind);
  return read.list;
}

const withNodes = (count: number, height: number | null = null): NodeList => {
  const nodes = Array.from({ length: count }, (_, index): StorageNode => ({ id: key(index), host: '192.0.2.1', port: 1, swarm: 1n })); // prettier-ignore
  return toNodeList(new Map(nodes.map((node) => [node.id, node])), { height, blockHash: null });
};

describe('the question', () => {
  it('names the fields and the last block that is known', () => {
    expect(listQuestion(null)).toEqual({
      active_only: true,
      fields: {
        pubkey_ed25519: true,
        pubkey_x25519: true,
        public_ip: true,
        storage_lmq_port: true,
        swarm: true,
        swarm_id: true,
        block_hash: true,
        height: true,
      },
    });
    expect(listQuestion('ab')).toMatchObject({ poll_block_hash: 'ab' });
  });
});

describe('readNodeList', () => {
  const recorded = vectors.exchanges
    .filter(({ what }) => what.includes('rpc.get_service_nodes'))
    .flatMap(({ receive }) => receive.map((parts) => Buffer.from(parts[3] ?? '', 'hex').toString()));

  it('reads what an oxend answers', () => {
    const [list, unchanged, error] = recorded.map((json) => readNodeList(json, all));
    expect(list).toMatchObject({ kind: 'list', list: { height: 1001, blockHash: /^f3bc/ } });
    expect(unchanged).toEqual({ kind: 'unchanged' });
    expect(error).toEqual({ kind: 'unreadable' });
  });

  it('reads the answer of JSON-RPC and what a storage node passes on', () => {
    const list = listOf(`{"jsonrpc":"2.0","id":"0","result":${answer([state(1)], { height: 7, block_hash: key(9) })}}`);
    expect([...list.nodes.values()]).toEqual([{ id: key(1), host: '192.0.2.1', port: 22_020, swarm: 16n }]);
    expect(list).toMatchObject({ height: 7, blockHash: key(9) });
  });

  it('keeps all 64 bits of a swarm id that is a number', () => {
    const json = answer([state(1, { swarm: undefined, swarm_id: 'ID' })]).replace('"ID"', '17654110539292344319');
    expect([...listOf(json).space]).toEqual([17_654_110_539_292_344_319n]);
  });

  it('takes the hexadecimal id before the number, with and without leading zeros', () => {
    const list = listOf(answer([state(1, { swarm: '0010' }), state(2, { swarm: 'F4FFFFFFFFFFFFFF', swarm_id: 1 })]));
    expect([...list.space]).toEqual([16n, 0xf4ffffffffffffffn]);
  });

  it.each([
    ['of no address', { public_ip: undefined }],
    ['of the address 0.0.0.0', { public_ip: '0.0.0.0' }],
    ['of an address that is none', { public_ip: 'example.org/' }],
    ['of port 0', { storage_lmq_port: 0 }],
    ['of a port that is none', { storage_lmq_port: 65_536 }],
    ['of half a port', { storage_lmq_port: 1.5 }],
    ['of a port as text', { storage_lmq_port: '22020' }],
    ['without a key', { pubkey_x25519: undefined }],
    ['of a key that is too short', { pubkey_x25519: 'ab' }],
    ['in no swarm', { swarm: 'ffffffffffffffff' }],
    ['in a swarm that is too large', { swarm: '10000000000000000' }],
    ['without a swarm', { swarm: undefined, swarm_id: undefined }],
    ['in a swarm of a negative number', { swarm: undefined, swarm_id: -1 }],
    ['in a swarm of a number that is too large', { swarm: undefined, swarm_id: Number('99999999999999991611') }],
  ])('skips a node %s, and no other', (_name, changed) => {
    const read = readNodeList(answer([state(1, changed), state(2), 'nonsense', null]), all);
    expect(read).toMatchObject({ kind: 'list', skipped: 3 });
    expect(read.kind === 'list' && [...read.list.nodes.keys()]).toEqual([key(2)]);
  });

  it('takes of two nodes with one key the first, and addresses that are wanted', () => {
    const list = listOf(
      answer([state(1), state(1, { public_ip: '192.0.2.9' }), state(2)]),
      (host) => host !== '192.0.2.2',
    );
    expect([...list.nodes.values()].map(({ host }) => host)).toEqual(['192.0.2.1']);
  });

  it('passes over a swarm id that is no whole number, and reads the nodes beside it', () => {
    const json = answer([state(1), state(2)]).replace('"pubkey_x25519"', '"swarm_id":1.5,"pubkey_x25519"');
    expect(json).toContain('"swarm_id":1.5');
    expect(listOf(json).nodes.size).toBe(2);
  });

  it('passes over a height and a block that are none', () => {
    expect(listOf(answer([], { height: -1, block_hash: 'x' }))).toMatchObject({ height: null, blockHash: null });
    expect(listOf(answer([], { height: '7' }))).toMatchObject({ height: null, blockHash: null });
  });

  it.each([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['null', 'null'],
    ['no list', '{"status":"OK"}'],
    ['a list that is none', '{"service_node_states":{}}'],
    ['more nodes than there can be', answer(new Array(20_001).fill(0))],
  ])('does not read %s', (_name, json) => {
    expect(readNodeList(json, all)).toEqual({ kind: 'unreadable' });
  });
});

describe('a list in a file', () => {
  it('is the same again', () => {
    const list = listOf(answer([state(1), state(2, { swarm: 'fffffffffffffffe' })], { height: 5, block_hash: key(1) }));
    const again = listOf(writeNodeList(list));
    expect(again).toEqual(list);
    expect(isSameNetwork(list, again)).toBe(true);
  });
});

describe('isSameNetwork', () => {
  it.each([
    ['another address', { public_ip: '192.0.2.7' }],
    ['another port', { storage_lmq_port: 1 }],
    ['another swarm', { swarm: '1' }],
    ['another key', { pubkey_x25519: key(9) }],
  ])('tells %s', (_name, changed) => {
    expect(isSameNetwork(listOf(answer([state(1), state(2)])), listOf(answer([state(1), state(2, changed)])))).toBe(
      false,
    );
  });

  it('tells a node more', () => {
    expect(isSameNetwork(withNodes(2), withNodes(3))).toBe(false);
  });
});

describe('isOtherNetwork', () => {
  it('tells a list of which most nodes are strangers', () => {
    expect(isOtherNetwork(withNodes(10), withNodes(10))).toBe(false);
    expect(isOtherNetwork(withNodes(10), withNodes(5))).toBe(false);
    expect(isOtherNetwork(withNodes(10), withNodes(4))).toBe(true);
    expect(isOtherNetwork(withNodes(1), withNodes(100))).toBe(false);
  });
});

describe('implausibility', () => {
  it('of a list without nodes, of one that differs much from the last, of an earlier block', () => {
    expect(implausibility(withNodes(0), null)).toBe('empty');
    expect(implausibility(withNodes(1), null)).toBeNull();
    expect(implausibility(withNodes(10), withNodes(100))).toBe('too-different');
    expect(implausibility(withNodes(94), withNodes(100))).toBe('too-different');
    expect(implausibility(withNodes(95), withNodes(100))).toBeNull();
    expect(implausibility(withNodes(106), withNodes(100))).toBe('too-different');
    expect(implausibility(withNodes(1), withNodes(4))).toBeNull();
    expect(implausibility(withNodes(1), withNodes(5))).toBe('too-different');
    expect(implausibility(withNodes(5, 6), withNodes(5, 7))).toBe('older');
    expect(implausibility(withNodes(5, 7), withNodes(5, 7))).toBeNull();
    expect(implausibility(withNodes(5, 6), withNodes(5))).toBeNull();
  });
});
