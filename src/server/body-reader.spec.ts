import { fastify, type FastifyInstance } from 'fastify';
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BodyReader } from './body-reader.js';

const KIB = 1024;
const LIMITS = { maxBytes: 64 * KIB, budgetBytes: 256 * KIB };

describe('bodies of requests', () => {
  let server: FastifyInstance;
  let reader: BodyReader;
  let givenUp: number;
  let answer: () => Promise<void>;
  const sockets: Socket[] = [];
  beforeEach(async () => {
    server = fastify();
    givenUp = 0;
    answer = () => Promise.resolve();
    reader = new BodyReader(LIMITS, () => givenUp++);
    reader.install(server);
    const respond = async ({ body }: { body: unknown }) => {
      await answer();
      return { bytes: Buffer.isBuffer(body) ? body.toString('latin1') : null };
    };
    server.post('/', (request) => respond(request));
    await server.listen({ port: 0, host: '127.0.0.1' });
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await server.close();
  });

  const url = () => `http://127.0.0.1:${(server.server.address() as AddressInfo).port}/`;
  const post = async (body: string | ReadableStream<Uint8Array>) => {
    const response = await fetch(url(), { method: 'POST', body, duplex: 'half' });
    return { status: response.status, json: (await response.json()) as { bytes: string | null } };
  };

  /** A request that announces a body and sends so many bytes of it. */
  async function begin(sent: number, announced = LIMITS.maxBytes): Promise<{ status: Promise<string> }> {
    const socket = connect((server.server.address() as AddressInfo).port, '127.0.0.1');
    sockets.push(socket);
    await once(socket, 'connect');
    socket.on('error', () => undefined);
    const status = new Promise<string>((resolve) => {
      socket.once('data', (chunk: Buffer) => resolve(chunk.toString('latin1').slice(9, 12)));
      socket.once('close', () => resolve('none'));
    });
    const before = [reader.heldBytes, givenUp];
    socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${announced}\r\n\r\n`);
    socket.write(Buffer.alloc(sent, 120));
    const hasArrived = () => reader.heldBytes !== before[0] || givenUp !== before[1];
    if (sent > 0) await vi.waitUntil(hasArrived, { timeout: 10_000 });
    return { status };
  }

  it('arrive as they were sent, whole or in pieces', async () => {
    const text = 'x'.repeat(10_000) + 'y'.repeat(20_000);
    const pieces = new ReadableStream<Uint8Array>({
      async start(controller) {
        for (let at = 0; at < text.length; at += 777) {
          controller.enqueue(Buffer.from(text.slice(at, at + 777)));
          await sleep(0);
        }
        controller.close();
      },
    });
    expect((await post(text)).json.bytes).toBe(text);
    expect((await post(pieces)).json.bytes).toBe(text);
    expect((await post('')).json.bytes).toBe('');
  });

  it('may be as long as they may be and not longer, announced or not', async () => {
    const stream = (length: number) => new Blob([Buffer.alloc(length, 120)]).stream();
    expect((await post('x'.repeat(LIMITS.maxBytes))).status).toBe(200);
    expect((await post(stream(LIMITS.maxBytes))).status).toBe(200);
    expect((await post('x'.repeat(LIMITS.maxBytes + 1))).status).toBe(413);
    expect((await post(stream(LIMITS.maxBytes + 1))).status).toBe(413);
  });

  it('that are too long are refused when they have been sent, so that the client reads why', async () => {
    const socket = connect((server.server.address() as AddressInfo).port, '127.0.0.1');
    sockets.push(socket);
    const errors: Error[] = [];
    socket.on('error', (error) => errors.push(error));
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    const closed = once(socket, 'close');
    socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${LIMITS.maxBytes * 4}\r\n\r\n`);
    for (let piece = 0; piece < 4; piece++) {
      socket.write(Buffer.alloc(LIMITS.maxBytes));
      await sleep(50);
    }
    await closed;
    expect(text).toMatch(/^HTTP\/1\.1 413 /);
    expect(errors).toEqual([]);
  });

  it('that are far too long are refused at once', async () => {
    const { status } = await begin(0, LIMITS.maxBytes * 100);
    expect(await status).toBe('413');
  });

  it('hold nothing any more when they are answered or broken off', async () => {
    await post('x'.repeat(50_000));
    await begin(30_000);
    for (const socket of sockets) socket.destroy();
    await vi.waitUntil(() => reader.heldBytes === 0, { timeout: 10_000 });
    expect(givenUp).toBe(0);
  });

  it('that stay unfinished are given up, the largest first, when all of them hold too much', async () => {
    const large = await begin(60 * KIB);
    const others = [];
    // Each of these holds as much as it has sent.
    for (let count = 0; count < 40; count++) others.push(await begin(8 * KIB));
    expect(await large.status).toBe('503');
    expect(reader.heldBytes).toBeLessThanOrEqual(LIMITS.budgetBytes);
    expect(givenUp).toBeGreaterThan(1);
    // Who sends a real request meanwhile does not notice.
    expect(await post('x'.repeat(2000))).toMatchObject({ status: 200 });
  });

  it('are not given up once they are complete', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    answer = () => held;
    const complete = Array.from({ length: 3 }, () => post('x'.repeat(60 * KIB)));
    await vi.waitUntil(() => reader.heldBytes >= 180 * KIB, { timeout: 10_000 });
    const unfinished = await Promise.all([begin(60 * KIB), begin(60 * KIB)]);
    await vi.waitUntil(() => givenUp > 0, { timeout: 10_000 });
    release();
    expect((await Promise.all(complete)).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(unfinished).toHaveLength(2);
  });

  it('cost what they have, not what they announce, and not more for coming byte by byte', async () => {
    for (let count = 0; count < 20; count++) await begin(0);
    expect(reader.heldBytes).toBe(0);
    const socket = connect((server.server.address() as AddressInfo).port, '127.0.0.1');
    sockets.push(socket);
    socket.setNoDelay(true);
    socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n`);
    for (let count = 0; count < 200; count++) {
      socket.write('x');
      await sleep(0);
    }
    await vi.waitUntil(() => reader.heldBytes > 0, { timeout: 10_000 });
    expect(reader.heldBytes).toBe(4096);
  });
});
