import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Credentials, makeCredentials } from '../certificates.js';
import { postHttp1 } from '../spec-client.js';
import { Chain, type ListedNode } from './chain.js';
import { makeNodeKeys } from './keys.js';
import { type Lie } from './node-list.js';
import { Oxend } from './oxend.js';
import { SpecClient } from './spec-client.js';
import { oxenmqVectors } from './spec-vectors.js';
import { NO_SWARM } from './swarm-space.js';

const ipcPath = join(tmpdir(), `oxend-${randomUUID()}.sock`);
const clients: SpecClient[] = [];
let credentials: Credentials;
let chain: Chain;
let oxend: Oxend;
let clock: number;

function node(swarmId: bigint, omqPort: number, active = true): ListedNode {
  const { ed25519, x25519 } = makeNodeKeys();
  return { ed25519, x25519, ip: '127.0.0.1', storagePort: 22_021, omqPort, swarmId, active };
}

const nodes = [node(2n ** 60n, 1), node(2n ** 63n + 1n, 2), node(NO_SWARM, 3, false)];

beforeAll(async () => {
  credentials = await makeCredentials();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await oxend.stop();
});
afterAll(() => rmSync(ipcPath, { force: true }));

async function start(https = false): Promise<void> {
  clock = Date.now();
  chain = new Chain((block) => oxend.announce(block));
  const identity = https ? credentials.server : undefined;
  oxend = new Oxend({ chain, ipcPath, identity, now: () => clock });
  chain.next(nodes);
  await oxend.start();
}

function connect(source: 'tcp' | 'ipc' | 'curve', routingId?: string): SpecClient {
  const address = source === 'curve' ? oxend.curve.address : oxend.sources[source];
  const client = new SpecClient(address, source === 'curve' ? oxend.keys.x25519 : null, routingId);
  clients.push(client);
  return client;
}

type List = Record<string, unknown> & { service_node_states: Record<string, unknown>[] };

async function list(client: SpecClient, parameters: object = {}): Promise<List> {
  const [status, text] = await client.request('rpc.get_service_nodes', JSON.stringify(parameters));
  expect(String(status)).toBe('200');
  return JSON.parse(String(text)) as List;
}

describe('an oxend over OxenMQ', () => {
  it.each(['tcp', 'ipc', 'curve'] as const)('greets, answers pings and gives the list over %s', async (source) => {
    await start();
    const client = connect(source);
    await client.greet();
    expect(String(await client.request('ping.ping'))).toBe('pong');
    expect((await list(client)).service_node_states).toHaveLength(3);
  });

  it.each(['plain tcp', 'curve tcp'])('answers as the real OxenMQ library did over %s', async (how) => {
    await start();
    const client = connect(how === 'plain tcp' ? 'tcp' : 'curve');
    const known = new Set(['HI', 'ping.ping', 'sub.block']);
    const hex = (text: string): Buffer => Buffer.from(text, 'hex');
    const recorded = oxenmqVectors.exchanges.filter(
      ({ what, send: [name = ''] }) => what.startsWith(how) && known.has(String(hex(name))),
    );
    expect(recorded.length).toBeGreaterThan(2);
    for (const { send, receive } of recorded) {
      const before = client.received.length;
      await client.send(...send.map(hex));
      await client.until(() => client.received.length > before);
      expect(client.received.slice(before)).toEqual(receive.map((frames) => frames.map(hex)));
    }
  });

  it('names its sources in the form of NODE_LIST', async () => {
    await start();
    const { tcp, ipc, curve, http } = oxend.sources;
    expect(tcp).toMatch(/^tcp:\/\/127\.0\.0\.1:\d+$/);
    expect(ipc).toBe(`ipc://${ipcPath}`);
    expect(curve).toMatch(/^curve:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{64}$/);
    expect(http).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/json_rpc$/);
  });

  it('gives the fields that are asked for, and ids of swarms with all their 64 bits', async () => {
    await start();
    const client = connect('tcp');
    const fields = { pubkey_x25519: true, swarm: true, swarm_id: true, height: true };
    const [, text] = await client.request('rpc.get_service_nodes', JSON.stringify({ active_only: true, fields }));
    expect(String(text)).toContain(`"swarm":"8000000000000001","swarm_id":9223372036854775809}`);
    const { service_node_states: states, ...rest } = JSON.parse(String(text)) as List;
    expect(rest).toEqual({ height: chain.block.height, status: 'OK' });
    expect(states.map((state) => Object.keys(state))).toEqual([
      ['pubkey_x25519', 'swarm', 'swarm_id'],
      ['pubkey_x25519', 'swarm', 'swarm_id'],
    ]);
  });

  it('says only that nothing changed since the block that is named', async () => {
    await start();
    const hash = chain.block.hash.toString('hex');
    const [status, text] = await connect('tcp').request('rpc.get_service_nodes', `{"poll_block_hash":"${hash}"}`);
    expect([status, text].map(String)).toEqual([
      '200',
      `{"block_hash":"${hash}","height":${chain.block.height},"status":"OK","unchanged":true}`,
    ]);
  });

  it('answers 400 to what is not JSON, and 500 when told so', async () => {
    await start();
    const client = connect('tcp');
    const [bad, why] = await client.request('rpc.get_service_nodes', '{');
    expect(`${bad} ${why}`).toMatch(/^400 Unable to parse request: /);
    oxend.trouble = 'fails';
    expect(String((await client.request('rpc.get_service_nodes', '{}'))[0])).toBe('500');
  });

  it('tells of blocks whoever asked within half an hour', async () => {
    await start();
    const [early, late] = [connect('tcp', 'early'), connect('curve')];
    expect(String(await early.request('sub.block'))).toBe('OK');
    expect(String(await early.request('sub.block'))).toBe('ALREADY');
    clock += 29 * 60_000;
    expect(String(await late.request('sub.block'))).toBe('OK');
    const first = chain.next();
    await early.until(() => early.count('notify.block') === 1);
    expect(early.commands('notify.block')).toEqual([[Buffer.from(String(first.height)), first.hash]]);
    clock += 2 * 60_000;
    chain.next();
    await late.until(() => late.count('notify.block') === 2);
    await early.greet();
    expect(early.count('notify.block')).toBe(1);
    expect(String(await early.request('sub.block'))).toBe('OK');
  });

  it('forgets at a restart who asked, which OK tells', async () => {
    await start();
    const client = connect('tcp', 'same');
    await client.request('sub.block');
    await oxend.restart();
    await client.reach();
    expect(String(await client.request('sub.block'))).toBe('OK');
  });
});

describe('lies about the list', () => {
  it.each<[Lie, number]>([
    [{ kind: 'empty' }, 0],
    [{ kind: 'share', share: 0.5 }, 2],
    [{ kind: 'duplicates' }, 6],
    [{ kind: 'nonsense' }, 15],
    [{ kind: 'nonsense', instead: true }, 12],
    [{ kind: 'older', blocks: 1 }, 0],
    [{ kind: 'nodes', nodes: nodes.slice(1) }, 2],
  ])('%o', async (lie, count) => {
    await start();
    oxend.lie = lie;
    const { service_node_states: states, height } = await list(connect('tcp'));
    expect(states).toHaveLength(count);
    expect(height).toBe(lie.kind === 'older' ? chain.block.height - 1 : chain.block.height);
  });

  it('may be any text', async () => {
    await start();
    oxend.lie = { kind: 'text', text: '<html>' };
    expect((await connect('tcp').request('rpc.get_service_nodes', '{}')).map(String)).toEqual(['200', '<html>']);
  });

  it.each([
    ['padded', '1000000000000000'],
    ['absent', undefined],
  ] as const)('nor is it one to write ids of swarms %s', async (form, written) => {
    await start();
    oxend.swarmHex = form;
    expect((await list(connect('tcp'))).service_node_states[0]?.['swarm']).toBe(written);
  });
});

describe('JSON-RPC', () => {
  const body = (method: string) => JSON.stringify({ jsonrpc: '2.0', id: '0', method, params: { active_only: true } });

  it('gives the list over https with a certificate of its own', async () => {
    await start(true);
    const options = { ca: credentials.authority.cert, agent: false as const };
    const { json } = await postHttp1(oxend.sources.http, options, body('get_service_nodes'));
    expect(json).toMatchObject({ id: '0', jsonrpc: '2.0', result: { status: 'OK', height: chain.block.height } });
    expect((json['result'] as List).service_node_states).toHaveLength(2);
  });

  const post = (text: string, path = '') =>
    fetch(oxend.sources.http + path, { method: 'POST', body: text, headers: { connection: 'close' } });

  it('gives errors as JSON-RPC has them, and nothing while it is stopped', async () => {
    await start();
    expect(await (await post('{')).json()).toMatchObject({ error: { code: -32_700 } });
    expect(await (await post(body('stop_mining'))).json()).toMatchObject({ error: { code: -32_601 } });
    expect((await post('{}', '/other')).status).toBe(404);
    oxend.trouble = 'fails';
    expect(await (await post(body('get_service_nodes'))).json()).toMatchObject({ error: { code: -32_603 } });
    const { http } = oxend.sources;
    await oxend.stop();
    await expect(post(body('get_service_nodes'))).rejects.toThrow('fetch failed');
    await oxend.start();
    expect(oxend.sources.http).toBe(http);
  });
});
