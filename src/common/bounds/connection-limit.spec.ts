import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectionLimit } from './connection-limit.js';

const LIMITS = { max: 10, keepAliveMs: 60_000, shortKeepAliveMs: 1000 };
const REQUEST = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const HALF_BODY = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf';

interface Client {
  readonly socket: Socket;
  readonly text: () => string;
  readonly isOpen: () => boolean;
}

describe('connections of a server', () => {
  let server: Server;
  let closed: number;
  let limit: ConnectionLimit;
  let waiting: ServerResponse[];
  const clients: Client[] = [];
  beforeEach(async () => {
    closed = 0;
    waiting = [];
    server = createServer((request, response) => {
      if (request.url === '/later') waiting.push(response);
      else if (request.method === 'GET') response.end('ok');
      else request.resume();
    });
    limit = ConnectionLimit.apply(server, LIMITS, () => closed++);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(async () => {
    for (const { socket } of clients.splice(0)) socket.destroy();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  async function open(): Promise<Client> {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    let [text, isOpen] = ['', true];
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.on('close', () => (isOpen = false));
    const taken = once(server, 'connection');
    await once(socket, 'connect');
    await taken;
    const client = { socket, text: () => text, isOpen: () => isOpen };
    clients.push(client);
    return client;
  }

  const openMany = async (count: number): Promise<Client[]> => {
    const opened: Client[] = [];
    for (let index = 0; index < count; index++) opened.push(await open());
    return opened;
  };

  async function ask(client: Client, request = REQUEST): Promise<void> {
    const before = client.text().length;
    client.socket.write(request);
    await vi.waitUntil(() => client.text().length > before, { timeout: 10_000 });
  }

  const untilClosed = (client: Client) => vi.waitUntil(() => !client.isOpen(), { timeout: 10_000 });

  it('that hold every place make room for a newcomer: the one that is idle for the longest time goes', async () => {
    const hoard = await openMany(LIMITS.max);
    const newcomer = await open();
    await ask(newcomer);
    await untilClosed(hoard[0] as Client);
    expect(hoard.slice(1).every(({ isOpen }) => isOpen())).toBe(true);
    expect(closed).toBe(1);
  });

  it('count as idle since their last answer', async () => {
    const [first, second, ...others] = (await openMany(LIMITS.max)) as [Client, Client, ...Client[]];
    await ask(first);
    await open();
    await untilClosed(second);
    expect([first, ...others].every(({ isOpen }) => isOpen())).toBe(true);
  });

  it('with an unfinished header are idle, however much they drip', async () => {
    const [first, ...others] = (await openMany(LIMITS.max)) as [Client, ...Client[]];
    first.socket.write('POST / HTTP/1.1\r\nX-Slow: ');
    for (let count = 0; count < 5; count++) {
      first.socket.write('x');
      await sleep(5);
    }
    await open();
    await untilClosed(first);
    expect(others.every(({ isOpen }) => isOpen())).toBe(true);
  });

  it('with an unfinished body go when none is idle; a request that is complete is answered', async () => {
    const [complete, ...unfinished] = (await openMany(LIMITS.max)) as [Client, ...Client[]];
    complete.socket.write('GET /later HTTP/1.1\r\nHost: x\r\n\r\n');
    await vi.waitUntil(() => waiting.length === 1, { timeout: 10_000 });
    for (const { socket } of unfinished) {
      const asked = once(server, 'request');
      socket.write(HALF_BODY);
      await asked;
    }
    const newcomer = await open();
    await ask(newcomer);
    await untilClosed(unfinished[0] as Client);
    expect(unfinished.slice(1).every(({ isOpen }) => isOpen())).toBe(true);
    waiting[0]?.end('late');
    await vi.waitUntil(() => complete.text().includes('late'), { timeout: 10_000 });
  });

  it('are refused when every other one waits for its answer', async () => {
    const all = await openMany(LIMITS.max);
    for (const { socket } of all) socket.write('GET /later HTTP/1.1\r\nHost: x\r\n\r\n');
    await vi.waitUntil(() => waiting.length === LIMITS.max, { timeout: 10_000 });
    await untilClosed(await open());
    expect(all.every(({ isOpen }) => isOpen())).toBe(true);
  });

  it('can be closed unless they wait for an answer', async () => {
    const [waits, idle, halfHeader, halfBody] = (await openMany(4)) as [Client, Client, Client, Client];
    waits.socket.write('GET /later HTTP/1.1\r\nHost: x\r\n\r\n');
    halfHeader.socket.write('GET / HTTP/1.1\r\nX-Half: ');
    const asked = once(server, 'request');
    halfBody.socket.write(HALF_BODY);
    await asked;
    await vi.waitUntil(() => waiting.length === 1, { timeout: 10_000 });
    limit.closeUnfinished();
    await Promise.all([idle, halfHeader, halfBody].map(untilClosed));
    waiting[0]?.end('late');
    await vi.waitUntil(() => waits.text().includes('late'), { timeout: 10_000 });
    expect([idle, halfHeader, halfBody].map(({ isOpen }) => isOpen())).toEqual([false, false, false]);
  });

  it('are not kept for long after an answer while nearly all places are taken', async () => {
    const quiet = await open();
    await ask(quiet);
    expect(quiet.text()).toContain('Keep-Alive: timeout=60');
    const [late] = (await openMany(LIMITS.max - 1)).slice(-1) as [Client];
    await ask(late);
    expect(late.text()).toContain('Keep-Alive: timeout=1');
    for (const { socket } of clients.slice(0, 5)) socket.destroy();
    await vi.waitUntil(() => server.keepAliveTimeout === LIMITS.keepAliveMs, { timeout: 10_000 });
  });
});
