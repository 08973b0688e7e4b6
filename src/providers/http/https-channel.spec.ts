import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Authority, makeAuthority } from '../../../gateways/certificates.js';
import { ChannelError, type ChannelErrorReason } from './http2-answer.js';
import { HttpsChannel, type HttpsChannelOptions } from './https-channel.js';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

let authority: Authority;
let identity: { cert: string; key: string };
const cleanUps: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  authority = await makeAuthority();
  identity = await authority.issueServer();
});

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function start(
  handler: Handler,
  served = identity,
): Promise<{ server: Server; url: string; connections: () => number }> {
  const server = createServer(served, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => handler(request, response, Buffer.concat(chunks).toString()));
  });
  let connections = 0;
  server.on('secureConnection', () => (connections += 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUps.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const url = `https://localhost:${(server.address() as AddressInfo).port}/path`;
  return { server, url, connections: () => connections };
}

function channel(options: Partial<HttpsChannelOptions> = {}): HttpsChannel {
  const made = new HttpsChannel({
    ca: authority.cert,
    maxSockets: 4,
    connectTimeoutMs: 2000,
    requestTimeoutMs: 2000,
    ...options,
  });
  cleanUps.push(() => made.close());
  return made;
}

async function reasonOf(answer: Promise<unknown>): Promise<ChannelErrorReason> {
  const error: unknown = await answer.then(
    () => new Error('it was answered'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ChannelError)) throw error;
  return error.reason;
}

describe('HttpsChannel', () => {
  it('posts the body and collects the answer, whatever its status', async () => {
    const { url } = await start((request, response, body) => {
      response.writeHead(503, { 'retry-after': '7' });
      response.end(`${request.method} ${request.url} ${request.headers['content-length']} ${body}`);
    });
    const answer = await channel().post(url, { 'content-type': 'text/plain' }, 'grüß');
    expect(answer.status).toBe(503);
    expect(answer.headers['retry-after']).toBe('7');
    expect(answer.body.toString()).toBe('POST /path 6 grüß');
  });

  it('uses a connection again', async () => {
    const { url, connections } = await start((_request, response) => response.end('ok'));
    const under = channel();
    for (let i = 0; i < 5; i++) await under.post(url, {}, '');
    expect(connections()).toBe(1);
  });

  it('opens no more connections than it may', async () => {
    const { url, connections } = await start((_request, response) => void setTimeout(() => response.end('ok'), 20));
    const under = channel({ maxSockets: 2 });
    await Promise.all(Array.from({ length: 8 }, () => under.post(url, {}, '')));
    expect(connections()).toBe(2);
  });

  it('does not follow a redirect', async () => {
    const { url } = await start((_request, response) => response.writeHead(302, { location: '/other' }).end());
    expect((await channel().post(url, {}, 'secret')).status).toBe(302);
  });

  it('sends nothing to a server with a certificate of another authority', async () => {
    let asked = 0;
    const { url } = await start(
      (_request, response) => {
        asked += 1;
        response.end();
      },
      await (await makeAuthority()).issueServer(),
    );
    expect(await reasonOf(channel().post(url, {}, ''))).toBe('TlsFailed');
    expect(asked).toBe(0);
  });

  it('sends nothing to a server with the certificate of another host', async () => {
    const { url } = await start(
      (_request, response) => response.end(),
      await authority.issueServer({ names: ['x.test'] }),
    );
    expect(await reasonOf(channel().post(url, {}, ''))).toBe('TlsFailed');
  });

  it('says that nobody listens', async () => {
    const { server, url } = await start((_request, response) => response.end());
    await new Promise((resolve) => server.close(resolve));
    expect(await reasonOf(channel().post(url, {}, ''))).toBe('ConnectFailed');
  });

  it('gives up a server that takes the connection and does not shake hands', async () => {
    const mute = createTcpServer((socket) => void cleanUps.push(async () => socket.destroy()));
    mute.listen(0, '127.0.0.1');
    await once(mute, 'listening');
    cleanUps.push(() => new Promise((resolve) => mute.close(resolve)));
    const url = `https://localhost:${(mute.address() as AddressInfo).port}/`;
    expect(await reasonOf(channel({ connectTimeoutMs: 50 }).post(url, {}, ''))).toBe('ConnectTimeout');
  });

  it('gives up a request that is not answered, on a new and on a used connection', async () => {
    let stall = false;
    const { url } = await start((_request, response) => {
      if (!stall) response.end();
    });
    const under = channel({ requestTimeoutMs: 1000, maxSockets: 1 });
    await under.post(url, {}, '');
    stall = true;
    expect(await reasonOf(under.post(url, {}, ''))).toBe('Timeout');
    expect(await reasonOf(under.post(url, {}, ''))).toBe('Timeout');
  });

  it('gives up an answer that does not end', async () => {
    const { url } = await start((_request, response) => response.write('half'));
    expect(await reasonOf(channel({ requestTimeoutMs: 100 }).post(url, {}, ''))).toBe('Timeout');
  });

  it('gives up waiting for a connection', async () => {
    const { url } = await start(() => {});
    const under = channel({ maxSockets: 1, connectTimeoutMs: 500, requestTimeoutMs: 1500 });
    const first = reasonOf(under.post(url, {}, ''));
    await sleep(10);
    expect(await reasonOf(under.post(url, {}, ''))).toBe('QueueTimeout');
    expect(await first).toBe('Timeout');
  });

  it('gives a request that waited for another one’s connection as long for its answer as any', async () => {
    const { url } = await start((_request, response) => void setTimeout(() => response.end('ok'), 2000));
    const under = channel({ maxSockets: 1, connectTimeoutMs: 3500, requestTimeoutMs: 15_000 });
    const answers = await Promise.all([under.post(url, {}, ''), under.post(url, {}, '')]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });

  it('does not know the outcome when the connection of another one breaks after the request', async () => {
    let asked = 0;
    const { url } = await start((request, response) =>
      ++asked === 1 ? void response.end('ok') : request.socket.destroy(),
    );
    const under = channel({ maxSockets: 1 });
    const [first, second] = [under.post(url, {}, ''), reasonOf(under.post(url, {}, ''))];
    expect((await first).status).toBe(200);
    expect(await second).toBe('ConnectionLost');
  });

  it('does not know the outcome when the connection breaks after the request, or in the answer', async () => {
    let half = false;
    const { url } = await start((request, response) => {
      if (half) response.writeHead(200, { 'content-length': '100' }).write('half');
      setTimeout(() => request.socket.destroy(), 10);
    });
    const under = channel();
    expect(await reasonOf(under.post(url, {}, ''))).toBe('ConnectionLost');
    half = true;
    expect(await reasonOf(under.post(url, {}, ''))).toBe('ConnectionLost');
  });

  it('gives up an answer of more than a megabyte', async () => {
    const { url } = await start((_request, response) => response.end(Buffer.alloc(1_048_577)));
    expect(await reasonOf(channel().post(url, {}, ''))).toBe('AnswerTooLarge');
  });

  it.each([
    ['a header with a line break', {}, { authorization: 'a\r\nb' }],
    ['another scheme', { url: 'http://localhost/' }, {}],
  ])('refuses %s without sending', async (_name, { url = 'https://localhost/' }: { url?: string }, headers) => {
    expect(await reasonOf(channel().post(url, headers, ''))).toBe('InvalidRequest');
  });

  it('lets what is in flight end when it is closed, and takes nothing new', async () => {
    const { url } = await start((_request, response) => void setTimeout(() => response.end('late'), 100));
    const under = channel();
    const answer = under.post(url, {}, '');
    await sleep(20);
    const closed = under.close();
    expect(await reasonOf(under.post(url, {}, ''))).toBe('Closed');
    expect((await answer).body.toString()).toBe('late');
    await closed;
  });
});
