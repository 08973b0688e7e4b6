import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import sodium from 'libsodium-wrappers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/support/eventually.js';
import { RouterNode } from '../../../test/support/router-node.js';
import { type OwnKeys } from './node-connection.js';
import { knockAt } from './node-knock.js';
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

function openLines(
  tuning: Partial<LinesTuning> = {},
  isOfUse: (line: NodeLine) => Promise<boolean> = () => Promise.resolve(true),
) {
  const events: [string, string][] = [];
  const tell = (event: string) => (line: NodeLine) => void events.push([event, line.node.id]);
  const lines = new NodeLines(
    own,
    { opened: tell('opened'), lost: tell('lost'), command: () => undefined, unasked: () => undefined, isOfUse },
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

  describe('a node that is away for long', () => {
    const LONG = { retryMs: [60_000], knockMs: 30, knockTimeoutMs: 1000 };
    /** What it takes until it is connected again, in failed tries. */
    const failuresUntilBack = async (tuning: Partial<LinesTuning>, node: RouterNode, comeBack: () => unknown) => {
      const { lines, events } = openLines({ ...LONG, ...tuning });
      lines.want([nodeOf(node)]);
      await eventually(() => expect(lines.get(nodeOf(node).id)?.failures).toBe(1));
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(events).toEqual([]);
      await comeBack();
      await eventually(() => expect(events.map(([event]) => event)).toEqual(['opened']));
      return lines.get(nodeOf(node).id)?.failures;
    };

    it('is found soon after it listens again, long before its next try', async () => {
      const node = await startNode();
      node.stop();
      expect(await failuresUntilBack({}, node, () => node.listen())).toBe(1);
    });

    it('is found soon after it has its key again', async () => {
      const [node, other] = [await startNode(), new RouterNode()];
      node.stop();
      other.port = node.port;
      await other.listen();
      const connection = { ...DEFAULT_LINES_TUNING.connection, handshakeTimeoutMs: 100 };
      const back = () => {
        other.stop();
        return node.listen();
      };
      expect(await failuresUntilBack({ connection }, node, back)).toBe(1);
    });

    it('is not told who knocks, and has none of our routes', async () => {
      const node = await startNode();
      const cancel = await new Promise<() => void>((resolve) => {
        const callOff = knockAt(nodeOf(node), own, 5000, (isThere) => {
          expect(isThere).toBe(true);
          resolve(callOff);
        });
      });
      cancel();
      expect(node.routingIds).toEqual([]);
      expect(node.received).toEqual([]);
    });

    it('is not looked for any more once nobody wants it', async () => {
      const node = await startNode();
      node.stop();
      const { lines, events } = openLines(LONG);
      lines.want([nodeOf(node)]);
      await eventually(() => expect(lines.get(nodeOf(node).id)?.failures).toBe(1));
      lines.want([]);
      await node.listen();
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(events).toEqual([]);
    });
  });

  describe('a node that is there and fails at once', () => {
    const connection = { ...DEFAULT_LINES_TUNING.connection, handshakeTimeoutMs: 100 };
    const LONG = { retryMs: [60_000], knockMs: 20, connection };
    const failed = (lines: NodeLines, node: RouterNode) =>
      eventually(() => expect(lines.get(nodeOf(node).id)).toMatchObject({ failures: 1, connection: null }));
    const SOON = (ms = 300) => new Promise((resolve) => setTimeout(resolve, ms));

    it('is found soon after it is of use again, long before its next try', async () => {
      const node = await startNode();
      node.answersHi = false;
      const { lines, events } = openLines(LONG);
      lines.want([nodeOf(node)]);
      await failed(lines, node);
      await eventually(() => expect(lines.ends.get('handshake-timeout')).toBeGreaterThan(2));
      expect(events).toEqual([]);
      node.answersHi = true;
      await eventually(() => expect(events.map(([event]) => event)).toEqual(['opened']));
      expect(lines.get(nodeOf(node).id)).toMatchObject({ isOpen: true, failures: 1 });
    });

    it('is not open before it has done on trial what it is wanted for', async () => {
      const node = await startNode();
      node.on('lab.echo', (parts) => parts);
      node.answersHi = false;
      let isMended = false;
      const seen: unknown[] = [];
      const { lines, events } = openLines(LONG, async (line) => {
        seen.push([line.isOpen, await line.request('lab.echo', [Buffer.from('a')], 1000)]);
        return isMended;
      });
      lines.want([nodeOf(node)]);
      await failed(lines, node);
      node.answersHi = true;
      await eventually(() => expect(seen.length).toBeGreaterThan(2));
      expect(seen[0]).toEqual([false, { kind: 'reply', parts: [Buffer.from('a')] }]);
      expect(events).toEqual([]);
      isMended = true;
      await eventually(() => expect(events.map(([event]) => event)).toEqual(['opened']));
    });

    it('is left alone until its next try when it stood the trial and failed all the same', async () => {
      const node = await startNode();
      node.answersHi = false;
      let trials = 0;
      const { lines, events } = openLines(LONG, () => Promise.resolve(++trials > 0));
      lines.want([nodeOf(node)]);
      await failed(lines, node);
      node.answersHi = true;
      await eventually(() => expect(events.map(([event]) => event)).toEqual(['opened']));
      node.stop();
      await eventually(() => expect(events.map(([event]) => event)).toEqual(['opened', 'lost']));
      await node.listen();
      await SOON();
      expect([trials, events.length, lines.get(nodeOf(node).id)?.failures]).toEqual([1, 2, 2]);
    });

    it('is knocked at once it is not even there, and not on trial any more once nobody wants it', async () => {
      const node = await startNode();
      node.answersHi = false;
      const verdict = Promise.withResolvers<boolean>();
      let isOnTrial = false;
      const { lines, events } = openLines(LONG, () => {
        isOnTrial = true;
        return verdict.promise;
      });
      lines.want([nodeOf(node)]);
      await failed(lines, node);
      node.stop();
      await eventually(() => expect(lines.get(nodeOf(node).id)?.between).toBe('knock'));
      await node.listen();
      node.answersHi = true;
      await eventually(() => expect(events.map(([event]) => event)).toEqual(['opened']));
      expect(isOnTrial).toBe(false);

      lines.want([]);
      node.answersHi = false;
      lines.want([nodeOf(node)]);
      await failed(lines, node);
      node.answersHi = true;
      await eventually(() => expect(isOnTrial).toBe(true));
      lines.want([]);
      verdict.resolve(true);
      await SOON(50);
      expect(events.map(([event]) => event)).toEqual(['opened', 'lost']);
    });
  });

  it('knocks at so many at a time and no more', async () => {
    const nodes = await Promise.all(Array.from({ length: 6 }, () => startDumbNode()));
    const { lines } = openLines({
      maxConnecting: 2,
      retryMs: [60_000],
      knockMs: 10,
      knockTimeoutMs: 500,
      connection: { ...DEFAULT_LINES_TUNING.connection, handshakeTimeoutMs: 50 },
    });
    lines.want(nodes.map(nodeOf));
    await eventually(() => expect(nodes.every(({ came }) => came > 1)).toBe(true));
    const knocks = nodes.flatMap(({ at }) => at.slice(1)).toSorted((one, other) => one - other);
    const waits = knocks.slice(2).map((at, index) => at - (knocks[index] ?? 0));
    expect(Math.min(...waits)).toBeGreaterThan(200);
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
