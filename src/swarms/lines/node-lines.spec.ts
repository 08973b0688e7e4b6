import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import sodium from 'libsodium-wrappers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/support/eventually.js';
import { RouterNode } from '../../../test/support/router-node.js';
import { type OwnKeys } from './node-connection.js';
import { DEFAULT_LINES_TUNING, type LinesTuning, type NodeLine, NodeLines } from './node-lines.js';
import { type StorageNode } from '../wire/node-list.protocol.js';

let own: OwnKeys;
beforeAll(async () => {
  await sodium.ready;
  own = sodium.crypto_box_keypair();
});

const toStop: (() => void)[] = [];
afterEach(() => {
  for (const stop of toStop.splice(0)) stop();
});

async function startNode(): Promise<RouterNode> {
  const node = await RouterNode.start();
  toStop.push(() => node.stop());
  return node;
}

const nodeOf = ({ key, port }: { key: Buffer | null; port: number }): StorageNode => ({
  id: key?.toString('hex') ?? '',
  host: '127.0.0.1',
  port,
  swarm: 1n,
});

function openLines(tuning: Partial<LinesTuning> = {}) {
  const events: [string, string][] = [];
  const tell = (event: string) => (line: NodeLine) => void events.push([event, line.node.id]);
  const lines = new NodeLines(
    own,
    { opened: tell('opened'), lost: tell('lost'), command: () => undefined, unasked: () => undefined },
    { ...DEFAULT_LINES_TUNING, retryMs: [20, 40], afterLossMs: 10, ...tuning },
  );
  toStop.push(() => lines.close());
  return { lines, events };
}

/** A listener that counts who comes and says nothing. */
async function startDumbNode(onSocket: (socket: Socket) => void = () => undefined) {
  const sockets = new Set<Socket>();
  const node = { key: Buffer.from(sodium.crypto_box_keypair().publicKey), port: 0, came: 0, at: [] as number[] };
  const server = createServer((socket) => {
    node.came++;
    node.at.push(performance.now());
    sockets.add(socket);
    socket.on('error', () => undefined);
    onSocket(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  node.port = (server.address() as AddressInfo).port;
  toStop.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return node;
}

describe('NodeLines', () => {
  it('keeps a connection to each node that is wanted, and leaves one that is not any more', async () => {
    const [one, other] = [await startNode(), await startNode()];
    const { lines, events } = openLines();
    lines.want([nodeOf(one), nodeOf(other)]);
    await eventually(() => expect(events).toHaveLength(2));
    lines.want([nodeOf(one)]);
    expect(events.at(-1)).toEqual(['lost', nodeOf(other).id]);
    expect([...lines.all].map(({ node }) => node.id)).toEqual([nodeOf(one).id]);
    expect(lines.get(nodeOf(one).id)?.isOpen).toBe(true);
    lines.want([nodeOf(one)]);
    expect(events).toHaveLength(3);
  });

  it('comes back when a node was restarted', async () => {
    const node = await startNode();
    const { lines, events } = openLines();
    lines.want([nodeOf(node)]);
    await eventually(() => expect(events).toHaveLength(1));
    node.stop();
    await eventually(() => expect(events).toHaveLength(2));
    await node.listen();
    await eventually(() => expect(events.at(-1)?.[0]).toBe('opened'));
    expect(lines.ends.get('lost')).toBe(1);
  });

  it('goes to where a node listens now', async () => {
    const [before, now] = [await startNode(), await startNode()];
    const { lines, events } = openLines();
    lines.want([nodeOf(before)]);
    await eventually(() => expect(events).toHaveLength(1));
    // As if it had moved there with another key.
    lines.want([nodeOf(now)]);
    await eventually(() => expect(events.at(-1)).toEqual(['opened', nodeOf(now).id]));
    lines.want([{ ...nodeOf(now), port: before.port }]);
    expect(events.at(-1)).toEqual(['lost', nodeOf(now).id]);
  });

  it('tries again at a pace that grows', async () => {
    const node = await startDumbNode((socket) => socket.destroy());
    const { lines } = openLines({ retryMs: [50, 100, 300] });
    lines.want([nodeOf(node)]);
    await eventually(() => expect(node.came).toBeGreaterThanOrEqual(5));
    const waits = node.at.slice(1).map((at, index) => at - (node.at[index] ?? 0));
    for (const [index, least] of [50, 100, 300, 300].entries()) expect(waits[index]).toBeGreaterThanOrEqual(least - 2);
    expect(lines.get(nodeOf(node).id)).toMatchObject({ isOpen: false, lastEnd: 'closed-in-handshake' });
  });

  it('takes a connection that is lost at once for a failure, so that nothing spins', async () => {
    const node = await startNode();
    const { lines } = openLines({ retryMs: [60_000], afterLossMs: 1, heldMs: 30_000 });
    lines.want([nodeOf(node)]);
    await eventually(() => expect(lines.get(nodeOf(node).id)?.isOpen).toBe(true));
    node.stop();
    await eventually(() => expect(lines.get(nodeOf(node).id)?.failures).toBe(1));
  });

  it('comes back soon after the loss of a connection that held', async () => {
    const node = await startNode();
    const { lines, events } = openLines({ retryMs: [60_000], afterLossMs: 1, heldMs: 0 });
    lines.want([nodeOf(node)]);
    await eventually(() => expect(events).toHaveLength(1));
    node.stop();
    // It does not wait for a minute before it looks again.
    await eventually(() => expect(lines.ends.get('unreachable')).toBe(1));
  });

  it('connects so many at a time and no more', async () => {
    const nodes = await Promise.all(Array.from({ length: 6 }, () => startDumbNode()));
    const { lines } = openLines({
      maxConnecting: 2,
      retryMs: [60_000],
      connection: { ...DEFAULT_LINES_TUNING.connection, handshakeTimeoutMs: 150 },
    });
    lines.want(nodes.map(nodeOf));
    await eventually(() => expect(nodes.filter(({ came }) => came > 0)).toHaveLength(2));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(nodes.filter(({ came }) => came > 0)).toHaveLength(2);
    await eventually(() => expect(nodes.every(({ came }) => came === 1)).toBe(true));
    await eventually(() => expect(lines.ends.get('handshake-timeout')).toBe(6));
  });

  it('leaves a node with a key that is none, and says why', async () => {
    const { lines } = openLines({ retryMs: [60_000] });
    lines.want([{ id: '0'.repeat(64), host: '127.0.0.1', port: 9, swarm: 1n }]);
    await eventually(() => expect(lines.ends.get('bad-key')).toBe(1));
  });

  it('answers a request to a node that is not connected', async () => {
    const { lines } = openLines();
    lines.want([{ id: '0'.repeat(64), host: '127.0.0.1', port: 9, swarm: 1n }]);
    expect(await lines.get('0'.repeat(64))?.request('lab.echo', [], 10)).toEqual({ kind: 'gone' });
  });
});
