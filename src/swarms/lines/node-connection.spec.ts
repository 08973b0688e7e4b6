import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sodium from 'libsodium-wrappers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/support/eventually.js';
import { RouterNode } from '../../../test/support/router-node.js';
import {
  type ConnectionEnd,
  type ConnectionTuning,
  DEFAULT_CONNECTION_TUNING,
  NodeConnection,
  type OwnKeys,
} from './node-connection.js';
import { routingIdFor } from '../wire/oxenmq.protocol.js';
import { encodeFrame, encodeGreeting, encodeCommand, encodeMetadata } from '../wire/zmtp.protocol.js';

let own: OwnKeys;
beforeAll(async () => {
  await sodium.ready;
  own = sodium.crypto_box_keypair();
});

/** What is to be stopped after each test. */
const toStop: (() => void)[] = [];
afterEach(() => {
  for (const stop of toStop.splice(0)) stop();
});

async function startNode(options?: { secure?: boolean }): Promise<RouterNode> {
  const node = await RouterNode.start(options);
  toStop.push(() => node.stop());
  return node;
}

interface Line {
  connection: NodeConnection;
  commands: [string, ...string[]][];
  ended: Promise<ConnectionEnd>;
  opened: Promise<void>;
  /** What the listener does with a command. */
  work: () => Promise<void> | void;
}

function openLine(
  target: { address: RouterNode['address'] | { kind: 'ipc'; path: string }; key: Buffer | null },
  tuning: Partial<ConnectionTuning> = {},
): Line {
  const opened = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<ConnectionEnd>();
  const line: Line = {
    commands: [],
    opened: opened.promise,
    ended: ended.promise,
    work: () => undefined,
    connection: new NodeConnection(
      target,
      own,
      {
        opened: () => opened.resolve(),
        ended: (reason) => {
          ended.resolve(reason);
          opened.reject(new Error(reason));
        },
        command: (name, parts) => {
          line.commands.push([name, ...parts.map(String)]);
          return line.work();
        },
      },
      { ...DEFAULT_CONNECTION_TUNING, ...tuning },
    ),
  };
  opened.promise.catch(() => undefined);
  toStop.push(() => line.connection.close());
  line.connection.open();
  return line;
}

/** A listener that is no node: does what it is told with each connection. */
async function startServer(onSocket: (socket: Socket) => void): Promise<RouterNode['address']> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onSocket(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  toStop.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { kind: 'tcp', host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

describe.each([
  ['with keys', true],
  ['without security', false],
])('a connection to libzmq %s', (_name, secure) => {
  it('opens, asks, is answered, refused and told', async () => {
    const node = await startNode({ secure });
    node.on('lab.echo', (parts) => ['echo', ...parts]);
    const line = openLine(node);
    await line.opened;
    expect(await line.connection.request('lab.echo', [Buffer.from('a'), Buffer.alloc(0)], 5000)).toEqual({
      kind: 'reply',
      parts: [Buffer.from('echo'), Buffer.from('a'), Buffer.alloc(0)],
    });
    expect(await line.connection.request('no.such', [], 5000)).toEqual({ kind: 'refused', code: 'UNKNOWNCOMMAND' });
    expect(line.connection.command('lab.poke', [Buffer.from('x')])).toBe(true);
    await eventually(() => expect(node.countOf('lab.poke')).toBe(1));
    await node.notify('notify.block', '17', 'hash');
    await eventually(() => expect(line.commands).toEqual([['notify.block', '17', 'hash']]));
  });

  it('carries messages of all sizes both ways', async () => {
    const node = await startNode({ secure });
    node.on('lab.echo', (parts) => parts);
    const line = openLine(node);
    await line.opened;
    for (const size of [0, 1, 222, 223, 255, 256, 70_000, 1_000_000]) {
      const body = Buffer.alloc(size, size);
      expect(await line.connection.request('lab.echo', [body], 10_000)).toEqual({ kind: 'reply', parts: [body] });
    }
  });

  it('ends as lost when the node stops, and its requests with it', async () => {
    const node = await startNode({ secure });
    node.on('lab.silent', () => null);
    const line = openLine(node);
    await line.opened;
    const answer = line.connection.request('lab.silent', [], 60_000);
    await eventually(() => expect(node.countOf('lab.silent')).toBe(1));
    node.stop();
    expect(await line.ended).toBe('lost');
    expect(await answer).toEqual({ kind: 'gone' });
    expect(await line.connection.request('lab.silent', [], 60_000)).toEqual({ kind: 'gone' });
    expect(line.connection.command('lab.poke', [])).toBe(false);
  });
});

describe('a connection', () => {
  it('presents a routing id that nobody can guess, the same again', async () => {
    const node = await startNode();
    const line = openLine(node);
    await line.opened;
    line.connection.close();
    await line.ended;
    await openLine(node).opened;
    expect(node.routingIds).toEqual([routingIdFor(own.privateKey, node.key ?? Buffer.alloc(0)).toString('latin1')]);
  });

  it('goes to a socket of the file system too', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ipc-'));
    toStop.push(() => rmSync(folder, { recursive: true }));
    const node = new RouterNode({ secure: false });
    const path = join(folder, 'node.sock');
    await node.listen(`ipc://${path}`);
    toStop.unshift(() => node.stop());
    const line = openLine({ address: { kind: 'ipc', path }, key: null });
    await line.opened;
    expect(line.connection.isOpen).toBe(true);
  });

  it('takes the answer of its own request only, and each once', async () => {
    const node = await startNode();
    const line = openLine(node);
    node.on('lab.twice', (parts, routingId) => {
      void node.send(routingId, 'REPLY', 'nobody asked for this', 'x');
      void node.send(routingId, 'REPLY');
      void node.send(routingId, 'FORBIDDEN', 'REPLY', 'nor for this');
      void node.send(routingId, 'BYE');
      return parts;
    });
    await line.opened;
    for (const word of ['one', 'two'])
      expect(await line.connection.request('lab.twice', [Buffer.from(word)], 5000)).toMatchObject({ parts: [Buffer.from(word)] }); // prettier-ignore
    expect(line.connection.isOpen).toBe(true);
  });

  it('gives up a request that is not answered, and works on', async () => {
    const node = await startNode();
    node.on('lab.silent', () => null).on('lab.echo', (parts) => parts);
    const line = openLine(node);
    await line.opened;
    expect(await line.connection.request('lab.silent', [], 50)).toEqual({ kind: 'unanswered' });
    expect(await line.connection.request('lab.echo', [], 5000)).toEqual({ kind: 'reply', parts: [] });
  });

  it('sends no more than a few requests at a time', async () => {
    const node = await startNode();
    node.on('lab.silent', () => null);
    const line = openLine(node);
    await line.opened;
    const answers = Array.from({ length: 17 }, () => line.connection.request('lab.silent', [], 200));
    expect(await answers[16]).toEqual({ kind: 'busy' });
    expect(await answers[0]).toEqual({ kind: 'unanswered' });
  });

  it('takes large messages from a node that was asked, and from no other', async () => {
    const node = await startNode();
    node.on('lab.large', () => [Buffer.alloc(300_000)]);
    const line = openLine(node);
    await line.opened;
    expect(await line.connection.request('lab.large', [], 5000)).toMatchObject({ kind: 'reply' });
    await node.notify('notify.message', Buffer.alloc(300_000));
    expect(await line.ended).toBe('too-large');
  });

  it('reads nothing more while what it read is being worked on', async () => {
    const node = await startNode();
    const line = openLine(node, { maxWaiting: 10 });
    const done: (() => void)[] = [];
    line.work = () => new Promise((resolve) => done.push(resolve));
    await line.opened;
    const body = Buffer.alloc(20_000);
    for (let sent = 0; sent < 200; sent++) await node.notify('notify.message', body);
    await eventually(() => expect(done.length).toBeGreaterThanOrEqual(10));
    await new Promise((resolve) => setTimeout(resolve, 100));
    // One read of the socket may hold a few more.
    expect(done.length).toBeLessThan(20);
    line.work = () => undefined;
    for (const settle of done) settle();
    await eventually(() => expect(line.commands).toHaveLength(200));
  });

  it('reads nothing while it is held, and is not taken for silent', async () => {
    const node = await startNode();
    const line = openLine(node, { signOfLifeMs: 20, silenceMs: 100 });
    await line.opened;
    const releases = [line.connection.hold(), line.connection.hold()];
    releases[1]?.();
    await node.notify('notify.block', '1', '');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(line.commands).toEqual([]);
    releases[0]?.();
    await eventually(() => expect(line.commands).toHaveLength(1));
    expect(line.connection.isOpen).toBe(true);
  });

  it('lives on HI, and is deaf without an answer to it, though the socket answers', async () => {
    const node = await startNode();
    const line = openLine(node, { signOfLifeMs: 30, silenceMs: 250 });
    await line.opened;
    await eventually(() => expect(node.countOf('HI')).toBeGreaterThan(5));
    expect(line.connection.isOpen).toBe(true);
    node.answersHi = false;
    const chatter = setInterval(() => void node.notify('notify.block', '1', ''), 20);
    toStop.push(() => clearInterval(chatter));
    expect(await line.ended).toBe('deaf');
  });
});

const withoutSecurity = Buffer.concat([
  encodeGreeting('NULL'),
  encodeFrame({
    more: false,
    command: true,
    body: encodeCommand('READY', encodeMetadata({ 'Socket-Type': Buffer.from('ROUTER') })),
  }),
]);
const message = (...parts: string[]) =>
  Buffer.concat(
    parts.map((part, at) =>
      encodeFrame({ more: at < parts.length - 1, command: false, body: Buffer.from(part, 'latin1') }),
    ),
  );
const someKey = () => Buffer.from(sodium.crypto_box_keypair().publicKey);

describe('a peer that', () => {
  it('is not there is unreachable', async () => {
    const address = await startServer(() => undefined);
    for (const stop of toStop.splice(0)) stop();
    expect(await openLine({ address, key: null }).ended).toBe('unreachable');
  });

  it('has another key closes in the handshake', async () => {
    const node = await startNode();
    expect(await openLine({ address: node.address, key: someKey() }).ended).toBe('closed-in-handshake');
  });

  it('has no key that is one is not asked', async () => {
    const node = await startNode();
    expect(await openLine({ address: node.address, key: Buffer.alloc(32) }).ended).toBe('bad-key');
  });

  it('has no security while we want it speaks another mechanism, and the other way round', async () => {
    const address = await startServer((socket) => socket.write(encodeGreeting('NULL')));
    expect(await openLine({ address, key: someKey() }).ended).toBe('other-mechanism');
    // libzmq closes as soon as it sees our greeting, and ours may not have seen its own.
    const ends = ['other-mechanism', 'closed-in-handshake'];
    const [open, secure] = [await startNode({ secure: false }), await startNode()];
    expect(ends).toContain(await openLine({ address: open.address, key: someKey() }).ended);
    expect(ends).toContain(await openLine({ address: secure.address, key: null }).ended);
  });

  it('speaks another protocol is no ZeroMQ', async () => {
    const address = await startServer((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'));
    expect(await openLine({ address, key: null }).ended).toBe('not-zmtp');
  });

  it('says nothing runs out of time', async () => {
    const address = await startServer(() => undefined);
    expect(await openLine({ address, key: null }, { handshakeTimeoutMs: 50 }).ended).toBe('handshake-timeout');
  });

  it('does not answer HI runs out of time', async () => {
    const node = await startNode();
    node.answersHi = false;
    expect(await openLine(node, { handshakeTimeoutMs: 300 }).ended).toBe('handshake-timeout');
  });

  it('falls silent is given up, also amid a message', async () => {
    const address = await startServer((socket) => {
      socket.write(Buffer.concat([withoutSecurity, message('HELLO'), Buffer.from([0, 200])]));
      const drip = setInterval(() => socket.write('x'), 20);
      toStop.push(() => clearInterval(drip));
    });
    const line = openLine({ address, key: null }, { signOfLifeMs: 30, silenceMs: 150 });
    await line.opened;
    expect(await line.ended).toBe('silent');
  });

  it('sends byte by byte is understood', async () => {
    const address = await startServer((socket) => {
      void (async () => {
        for (const byte of Buffer.concat([withoutSecurity, message('HELLO'), message('lab.hello', 'x')])) {
          socket.write(Buffer.from([byte]));
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
    });
    const line = openLine({ address, key: null });
    await line.opened;
    await eventually(() => expect(line.commands).toEqual([['lab.hello', 'x']]));
  });

  it('sends a message without a name is left', async () => {
    const address = await startServer((socket) => socket.write(Buffer.concat([withoutSecurity, message('HELLO'), message('')]))); // prettier-ignore
    expect(await openLine({ address, key: null }).ended).toBe('bad-message');
  });

  it('asks for answers and does not read them is left', async () => {
    const ping = encodeFrame({ more: false, command: true, body: encodeCommand('PING', Buffer.alloc(18, 1)) });
    const pings = Buffer.concat(new Array(4000).fill(ping));
    const address = await startServer((socket) => {
      socket.pause();
      socket.write(Buffer.concat([withoutSecurity, message('HELLO')]));
      const more = (): void => {
        while (!socket.destroyed && socket.write(pings));
      };
      socket.on('drain', more);
      more();
    });
    expect(await openLine({ address, key: null }).ended).toBe('not-reading');
  });

  it('does not take the connection runs out of time', async () => {
    // An address of TEST-NET-1, to which no packet finds a way, or is refused at once.
    const line = openLine({ address: { kind: 'tcp', host: '192.0.2.1', port: 9 } as never, key: null }, { connectTimeoutMs: 50 }); // prettier-ignore
    expect(['connect-timeout', 'unreachable']).toContain(await line.ended);
  });

  it('is left in the middle of connecting tells so once', async () => {
    const line = openLine(await startNode());
    line.connection.close();
    line.connection.close();
    expect(await line.ended).toBe('closed');
  });
});
