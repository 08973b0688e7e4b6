import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import sodium from 'libsodium-wrappers';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/support/eventually.js';
import { RecordingLogger } from '../../../test/support/recording-logger.js';
import { ChainState, startJsonRpc, startOxend } from '../../../test/support/list-answers.js';
import { DIRECTLY } from '../../outgoing/outgoing.js';
import { parseConfig } from '../../config/app-config.js';
import { type OwnKeys } from '../lines/node-connection.js';
import { NodeListFile } from './node-list-file.js';
import { type NodeList } from '../wire/node-list.protocol.js';
import { openSources } from './open-sources.js';
import { DEFAULT_SERVICE_NODES_TUNING, ServiceNodes, type ServiceNodesTuning } from './service-nodes.service.js';

let own: OwnKeys;
let folder: string;
let chain: ChainState;
const toStop: (() => unknown)[] = [];

beforeAll(async () => {
  Logger.overrideLogger(false);
  await sodium.ready;
  own = sodium.crypto_box_keypair();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'node-list-'));
  chain = new ChainState();
  chain.nodes = [listed(1, 100n), listed(2, 100n), listed(3, 2n ** 63n)];
});
afterEach(async () => {
  for (const stop of toStop.splice(0).toReversed()) await stop();
  rmSync(folder, { recursive: true });
});

const key = (index: number) => Buffer.alloc(32, index);
const listed = (index: number, swarm: bigint, host?: string) => ({ key: key(index), port: index, swarm, host });
const file = () => join(folder, 'sub', 'list.json');

function open(sources: string, tuning: Partial<ServiceNodesTuning> = {}): { nodes: ServiceNodes; told: NodeList[] } {
  const { network } = parseConfig({ NODE_LIST: sources });
  if (!network) throw new Error('no network');
  const nodes = new ServiceNodes({
    openSources: (onBlock) => openSources(network, own, onBlock, DIRECTLY),
    publicAddressesOnly: false,
    file: new NodeListFile(file()),
    tuning: { ...DEFAULT_SERVICE_NODES_TUNING, leastMs: 20, pollMs: 50, retryMs: [50], ...tuning },
  });
  const told: NodeList[] = [];
  nodes.onChange((list) => told.push(list));
  toStop.push(() => nodes.stop());
  return { nodes, told };
}

async function oxend(options?: { secure?: boolean }) {
  const node = await startOxend(chain, options);
  toStop.push(() => node.stop());
  const url = node.key ? `curve://127.0.0.1:${node.port}/${node.key.toString('hex')}` : `tcp://127.0.0.1:${node.port}`;
  return { node, url };
}

async function jsonRpc(of = chain) {
  const source = await startJsonRpc(of);
  toStop.push(() => source.server.close());
  return source;
}

describe('ServiceNodes', () => {
  it.each(['tcp', 'curve', 'ipc', 'http'])('gets the list from a source of %s', async (kind) => {
    let url: string;
    if (kind === 'http') ({ url } = await jsonRpc());
    else {
      const source = await oxend({ secure: kind === 'curve' });
      url = source.url;
      if (kind === 'ipc') {
        const path = join(folder, 'oxend.sock');
        source.node.stop();
        await source.node.listen(`ipc://${path}`);
        url = `ipc://${path}`;
      }
    }
    const { nodes, told } = open(url);
    nodes.start();
    await eventually(() => expect(told).toHaveLength(1));
    expect(nodes.current?.nodes.size).toBe(3);
    expect(nodes.status()).toMatchObject({
      nodes: 3,
      swarms: 2,
      height: 1,
      origin: 'source',
      failedRounds: 0,
      failures: {},
    });
  });

  it('asks at each block, and with the last one that it knows', async () => {
    const { node, url } = await oxend();
    const { nodes, told } = open(url, { pollBesideBlocksMs: 60_000, pollMs: 60_000 });
    nodes.start();
    await eventually(() => expect(told).toHaveLength(1));
    await eventually(() => expect(node.countOf('sub.block')).toBe(1));
    chain.height++;
    chain.nodes = chain.nodes.slice(0, 2);
    await node.notify('notify.block', '2', Buffer.alloc(32));
    await eventually(() => expect(told).toHaveLength(2));
    expect(chain.asked.map(({ poll_block_hash: hash }) => hash)).toEqual([undefined, '1'.padStart(64, '0')]);
    expect(nodes.current).toMatchObject({ height: 2 });
  });

  it('polls a source that does not tell of blocks, and tells nobody when nothing has changed', async () => {
    const { url } = await jsonRpc();
    const { nodes, told } = open(url);
    nodes.start();
    await eventually(() => expect(chain.asked.length).toBeGreaterThan(3));
    chain.height++;
    await eventually(() => expect(nodes.current?.height).toBe(2));
    expect(told).toHaveLength(1);
  });

  it('goes on to the next source, stays with what works, and comes around again', async () => {
    const [first, second] = [await jsonRpc(), await jsonRpc()];
    first.fail = true;
    const { nodes } = open(`tcp://127.0.0.1:1,${first.url},${second.url}`);
    nodes.start();
    await eventually(() => expect(nodes.status().nodes).toBe(3));
    const origin = (url: string) => new URL(url).origin;
    expect(nodes.status().failures).toEqual({ 'tcp://127.0.0.1:1': 'unreachable', [origin(first.url)]: 'refused' });
    first.fail = false;
    second.fail = true;
    await eventually(() => expect(nodes.status().failures).toMatchObject({ [origin(second.url)]: 'refused' }));
    await eventually(() => expect(nodes.status().failures[origin(first.url)]).toBeUndefined());
  });

  it.each([
    ['no node', 'empty', () => (chain.nodes = [])],
    ['a tenth of the nodes', 'too-different', () => (chain.nodes = chain.nodes.slice(0, 2))],
    ['an older block', 'older', () => (chain.height = 3)],
    ['nonsense', 'unreadable', () => (chain.lie = '{"result":')],
  ])('does not believe a list with %s', async (_name, reason, lie) => {
    chain.nodes = Array.from({ length: 20 }, (_, index) => listed(index + 1, 1n));
    chain.height = 5;
    const { url } = await jsonRpc();
    const { nodes, told } = open(url);
    nodes.start();
    await eventually(() => expect(told).toHaveLength(1));
    chain.height = 6;
    lie();
    await eventually(() => expect(Object.values(nodes.status().failures)).toEqual([reason]));
    expect(nodes.current?.nodes.size).toBe(20);
    expect(told).toHaveLength(1);
  });

  it('believes an older block when the later one is long ago: the chain was begun anew', async () => {
    const { url } = await jsonRpc();
    chain.height = 9;
    const { nodes, told } = open(url, { doubtMs: 200 });
    nodes.start();
    await eventually(() => expect(told).toHaveLength(1));
    chain.height = 2;
    chain.nodes = chain.nodes.slice(1);
    await eventually(() => expect(told).toHaveLength(2));
  });

  it('keeps the last good list in a file, uses it when no source answers, and mends it later', async () => {
    const source = await jsonRpc();
    const before = open(source.url);
    before.nodes.start();
    await eventually(() => expect(readFileSync(file(), 'utf8')).toContain('service_node_states'));
    await before.nodes.stop();
    source.fail = true;
    chain.nodes = chain.nodes.slice(0, 2);
    chain.height = 0;
    const after = open(source.url);
    after.nodes.start();
    await eventually(() => expect(after.nodes.status()).toMatchObject({ nodes: 3, origin: 'file' }));
    await eventually(() => expect(after.nodes.status().failedRounds).toBeGreaterThan(0));
    source.fail = false;
    await eventually(() => expect(after.nodes.status()).toMatchObject({ nodes: 2, origin: 'source', failedRounds: 0 }));
    await eventually(() => expect(JSON.parse(readFileSync(file(), 'utf8'))).toMatchObject({ service_node_states: { length: 2 } })); // prettier-ignore
  });

  it('is not stopped by a file that holds nonsense', async () => {
    const { url } = await jsonRpc();
    const before = open(url);
    before.nodes.start();
    await eventually(() => expect(before.told).toHaveLength(1));
    await before.nodes.stop();
    await eventually(() => expect(readFileSync(file(), 'utf8')).toContain('service'));
    writeFileSync(file(), 'nonsense');
    const log = new RecordingLogger();
    Logger.overrideLogger(log);
    const { nodes, told } = open(url);
    nodes.start();
    await eventually(() => expect(told).toHaveLength(1));
    expect(nodes.status().origin).toBe('source');
    const reason = `NODE_LIST_FILE (${file()}) holds no list of nodes`;
    expect(log.find(reason)).toHaveLength(1);
    Logger.overrideLogger(false);
  });

  it.each([
    ['a byte order mark', (text: string) => `\uFEFF${text}`],
    ['UTF-16', (text: string) => Buffer.from(`\uFEFF${text}`, 'utf16le')],
  ])('reads a list that somebody copied with %s', async (_what, saved) => {
    const source = await jsonRpc();
    const before = open(source.url);
    before.nodes.start();
    await eventually(() => expect(readFileSync(file(), 'utf8')).toContain('service_node_states'));
    await before.nodes.stop();
    source.fail = true;
    writeFileSync(file(), saved(readFileSync(file(), 'utf8').replaceAll('\n', '\r\n')));
    const after = open(source.url);
    after.nodes.start();
    await eventually(() => expect(after.nodes.status()).toMatchObject({ nodes: 3, origin: 'file' }));
  });

  it('asks the nodes when no source answers, and believes what more than half of them say', async () => {
    const { nodes } = open('tcp://127.0.0.1:1');
    const other = new ChainState();
    other.nodes = [listed(9, 1n)];
    const say = (state: ChainState) => `{"result":${state.answer('{}')}}`;
    let answers = [say(other), say(chain)];
    nodes.useNodes(() => Promise.resolve(answers));
    nodes.start();
    await eventually(() => expect(nodes.status().failedRounds).toBeGreaterThan(1));
    expect(nodes.current).toBeNull();
    answers = [say(other), say(chain), say(chain)];
    await eventually(() => expect(nodes.status()).toMatchObject({ nodes: 3, origin: 'nodes' }));
  });

  it('remembers for a while who was a member of a swarm', async () => {
    const { url } = await jsonRpc();
    const { nodes, told } = open(url, { formerMs: 2000 });
    const account = Buffer.alloc(33);
    const id = key(1).toString('hex');
    expect(nodes.isMember(id, account)).toBe(false);
    nodes.start();
    await eventually(() => expect(told).toHaveLength(1));
    expect([1, 3, 8].map((index) => nodes.isMember(key(index).toString('hex'), account))).toEqual([true, false, false]);
    chain.height++;
    chain.nodes = [listed(1, 2n ** 63n), listed(2, 100n), listed(3, 2n ** 63n)];
    await eventually(() => expect(told).toHaveLength(2));
    expect(nodes.isMember(id, account)).toBe(true);
    await eventually(() => expect(nodes.isMember(id, account)).toBe(false));
  });

  it('gives the answer that is wanted now to all who wait for it', async () => {
    const { url } = await jsonRpc();
    const { nodes, told } = open(url, { pollMs: 60_000 });
    nodes.start();
    await eventually(() => expect(told).toHaveLength(1));
    chain.height++;
    chain.nodes = chain.nodes.slice(0, 2);
    await Promise.all([nodes.refresh(), nodes.refresh()]);
    expect(nodes.current?.nodes.size).toBe(2);
    await nodes.stop();
    await nodes.refresh();
  });
});
