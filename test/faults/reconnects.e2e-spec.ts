import sodium from 'libsodium-wrappers';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DEFAULT_LINES_TUNING, NodeLines } from '../../src/swarms/lines/node-lines.js';
import { RouterNode } from '../support/router-node.js';

/** The figure in docs/reliability.md is of `RECONNECTS=10000 npx vitest run --project e2e test/faults/reconnects.e2e-spec.ts`. */
const RECONNECTS = Number(process.env['RECONNECTS'] ?? 300);
/** The first ones load code, grow pools and warm caches. */
const BEFORE = 60;
const PATIENCE = { timeout: 180_000 + RECONNECTS * 100, interval: 20 };
/** With every connection kept it is twice as much, although two of three end before they hold anything. */
const MAX_KEPT_BYTES = 3 * 1024;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What is in use when everything is gone that can go, in bytes. */
function keptBytes(): number {
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const descriptors = (): number => readdirSync('/proc/self/fd').length;

let node: RouterNode;
let server: Server;
let lines: NodeLines;
const sockets = new Set<Socket>();

beforeEach(async () => {
  await sodium.ready;
  node = await RouterNode.start();
  server = createServer(cutInTurn).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  lines.close();
  for (const socket of sockets) socket.destroy();
  server.close();
  node.stop();
});

let came = 0;

/** Cuts one connection at once, one when it has said something, and lets one reach the node, which is cut when it is open. */
function cutInTurn(client: Socket): void {
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  };
  keep(client);
  switch (came++ % 3) {
    case 0:
      client.resetAndDestroy();
      break;
    case 1:
      client.once('data', () => client.resetAndDestroy());
      break;
    default: {
      const behind = connect(node.port, '127.0.0.1');
      keep(behind);
      client.pipe(behind).pipe(client);
      client.on('close', () => behind.destroy());
    }
  }
}

/** Wants the node until so many connections to it have ended, and then not any more. */
async function beCut(times: number): Promise<void> {
  const ended = () => [...lines.ends.values()].reduce((sum, count) => sum + count, 0);
  const until = ended() + times;
  const { port } = server.address() as AddressInfo;
  lines.want([{ id: node.key?.toString('hex') ?? '', host: '127.0.0.1', port, swarm: 1n }]);
  await vi.waitUntil(() => ended() >= until, PATIENCE);
  lines.close();
  await vi.waitUntil(() => sockets.size === 0, PATIENCE);
}

it(
  'a node that cuts every connection leaves no descriptor and no memory behind',
  async () => {
    let opened = 0;
    lines = new NodeLines(
      sodium.crypto_box_keypair(),
      {
        opened: () => {
          opened++;
          for (const socket of sockets) socket.destroy();
        },
        lost: () => undefined,
        command: () => undefined,
        unasked: () => undefined,
        isOfUse: () => Promise.resolve(true),
      },
      {
        ...DEFAULT_LINES_TUNING,
        // One that the node does not greet any more ends soon too.
        connection: { ...DEFAULT_LINES_TUNING.connection, handshakeTimeoutMs: 1000 },
        retryMs: [1],
        afterLossMs: 1,
      },
    );
    await beCut(BEFORE);
    const before = { kept: keptBytes(), descriptors: descriptors() };
    await beCut(RECONNECTS);
    // Those of the node close a moment later.
    await expect.poll(descriptors, PATIENCE).toBeLessThanOrEqual(before.descriptors);
    const keptEach = Math.round((keptBytes() - before.kept) / RECONNECTS);
    console.log(
      JSON.stringify({ ended: BEFORE + RECONNECTS, opened, keptEach, rss: process.memoryUsage().rss, ...before }),
    );
    expect(opened).toBeGreaterThan(RECONNECTS / 10);
    expect(keptEach).toBeLessThan(MAX_KEPT_BYTES);
  },
  2 * PATIENCE.timeout,
);
