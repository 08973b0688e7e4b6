import { once } from 'node:events';
import { connect as connectTcp, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { makeNodeKeys } from './keys.js';
import { OmqListener } from './omq-listener.js';
import { SpecClient } from './spec-client.js';
import { TcpProxy } from './tcp-proxy.js';

const keys = makeNodeKeys();
const cleanUp: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const undo of cleanUp.splice(0)) await undo();
});

async function start(): Promise<{ listener: OmqListener; proxy: TcpProxy }> {
  const listener = new OmqListener({
    commands: new Map([['lab.echo', { kind: 'request', run: ({ parts, reply }) => reply(...parts) }]]),
    secretKey: keys.secret,
  });
  await listener.listen();
  const proxy = new TcpProxy(() => listener.port);
  await proxy.listen();
  cleanUp.push(
    () => listener.close(),
    () => proxy.close(),
  );
  return { listener, proxy };
}

function connect(proxy: TcpProxy): SpecClient {
  const client = new SpecClient(`tcp://127.0.0.1:${proxy.port}`, keys.x25519, 'Lstable');
  cleanUp.push(() => client.close());
  return client;
}

const silence = (ms = 100) => new Promise<string>((resolve) => setTimeout(resolve, ms, 'silence'));

describe('a proxy in front of a node', () => {
  it('lets everything pass', async () => {
    const client = connect((await start()).proxy);
    const data = Buffer.alloc(200_000, 'x');
    expect(await client.request('lab.echo', data)).toEqual([data]);
  });

  it('lets it pass in single bytes, handshake and all', async () => {
    const { proxy } = await start();
    await proxy.be('single-bytes');
    const client = connect(proxy);
    await client.greet();
    expect(String(await client.request('lab.echo', 'x'.repeat(1000)))).toBe('x'.repeat(1000));
  });

  it('freezes what there is and what comes, and thaws both', async () => {
    const { proxy } = await start();
    const client = connect(proxy);
    await client.greet();
    await proxy.be('frozen');
    const echoed = client.request('lab.echo', 'x');
    const late = new SpecClient(`tcp://127.0.0.1:${proxy.port}`, keys.x25519);
    cleanUp.push(() => late.close());
    const greeted = late.greet().then(() => 'greeted');
    expect(await Promise.race([echoed, greeted, silence()])).toBe('silence');
    await proxy.be('pass');
    expect([String(await echoed), await greeted]).toEqual(['x', 'greeted']);
  });

  it('cuts, and takes who comes back', async () => {
    const { proxy, listener } = await start();
    const client = connect(proxy);
    await client.greet();
    proxy.cut();
    await client.reach();
    expect(proxy.connections).toBe(2);
    expect(listener.connections.handshakes).toBe(2);
  });

  it('refuses, and takes connections again at the same port', async () => {
    const { proxy } = await start();
    const { port } = proxy;
    await proxy.be('refuse');
    const refused = await new Promise((resolve) => connectTcp(port, '127.0.0.1').once('error', resolve));
    expect(refused).toMatchObject({ code: 'ECONNREFUSED' });
    await proxy.be('pass');
    expect(proxy.port).toBe(port);
    await connect(proxy).greet();
  });

  it('waits for its port when somebody else has it for a moment', async () => {
    const { proxy } = await start();
    await proxy.be('refuse');
    const somebody = createServer().listen(proxy.port, '127.0.0.1');
    await once(somebody, 'listening');
    const { port } = proxy;
    setTimeout(() => somebody.close(), 100);
    await proxy.be('pass');
    expect(proxy.port).toBe(port);
    await connect(proxy).greet();
  });

  it('leaves the client with half a connection', async () => {
    const { proxy, listener } = await start();
    const client = connect(proxy);
    await client.greet();
    await proxy.be('half-open');
    while (listener.connections.disconnected === 0) await silence(5);
    expect(await Promise.race([client.request('lab.echo', 'x'), silence()])).toBe('silence');
    const late = connectTcp(proxy.port, '127.0.0.1');
    cleanUp.push(() => void late.destroy());
    late.write('anything');
    expect(await Promise.race([text(late), silence()])).toBe('silence');
    expect(proxy.openConnections).toBe(2);
    expect(listener.connections.accepted).toBe(1);
  });

  it('may be something else than a node', async () => {
    const { proxy } = await start();
    await proxy.be('no-zeromq');
    expect(await text(connectTcp(proxy.port, '127.0.0.1'))).toMatch(/^HTTP\/1\.1 400/);
  });

  it('ends the connection of a client when the node ends it', async () => {
    const { proxy, listener } = await start();
    const socket = connectTcp(proxy.port, '127.0.0.1');
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.resume();
    while (listener.connections.accepted === 0) await silence(5);
    listener.close();
    await closed;
    while (proxy.openConnections > 0) await silence(5);
    expect(proxy.connections).toBe(1);
  });
});
