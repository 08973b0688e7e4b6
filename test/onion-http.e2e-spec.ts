import { once } from 'node:events';
import { connect } from 'node:net';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ONION_PATHS, openReply, type OnionVersion } from '../src/onion/protocol/onion-client.js';
import { describeEachDatabase } from './support/databases.js';
import { malformedBodies } from './support/malformed-bodies.js';
import { type HttpAnswer } from './support/onion-http.js';
import { newIosToken } from './support/people.js';
import { useServer } from './support/test-server.js';

const VERSIONS: OnionVersion[] = ['v2', 'v4'];
const MIB = 1024 * 1024;

describeEachDatabase('an onion request over HTTP', (databases) => {
  const suite = useServer(databases);
  /** Nobody has this token, which is a plain answer of a command that ran. */
  const request = (version: OnionVersion) =>
    suite.server.onion.seal('unregister', { token: newIosToken() }, { version });
  const UNKNOWN_TOKEN = { status: 200, body: { code: 0, message: 'Session id was not registered before.' } };

  describe.each(VERSIONS)('of version %s', (version) => {
    it.each([
      ['application/octet-stream'],
      ['application/json'],
      ['application/x-www-form-urlencoded'],
      ['multipart/form-data; boundary=x'],
      ['text/plain; charset=utf-16'],
      ['no such / type ;;'],
      ['%%%'],
    ])('is read whatever its content type says: %s', async (contentType) => {
      const { path, body, context } = request(version);
      const answer = await suite.server.onion.post(path, body, { 'content-type': contentType });
      expect(openReply(context, answer.body)).toEqual(UNKNOWN_TOKEN);
    });

    it('is read without a content type', async () => {
      const { path, body, context } = request(version);
      const answer = await postRaw(path, ['content-length: ' + body.length], body);
      expect(answer.head).toMatch(/^HTTP\/1\.1 200 /);
      expect(openReply(context, answer.body)).toEqual(UNKNOWN_TOKEN);
    });

    it('is read when it comes in chunks', async () => {
      const { path, body, context } = request(version);
      const chunks = new ReadableStream<Uint8Array>({
        start(controller) {
          for (let at = 0; at < body.length; at += 50) controller.enqueue(body.subarray(at, at + 50));
          controller.close();
        },
      });
      const answer = await suite.server.onion.post(path, chunks);
      expect(openReply(context, answer.body)).toEqual(UNKNOWN_TOKEN);
    });

    it('may have 1 MiB', async () => {
      const empty = suite.server.onion.seal('nothing', '{"padding":""}', { version }).body.length;
      const fill = (count: number) =>
        suite.server.onion.seal('nothing', JSON.stringify({ padding: 'x'.repeat(count) }), { version });
      // The length of the payload is written inside it on version 4, so look for the last one that fits.
      let count = MIB - empty;
      while (fill(count).body.length > MIB) count--;
      const { path, body, context } = fill(count);
      expect(body.length).toBe(MIB);
      const answer = await suite.server.onion.post(path, body);
      expect(openReply(context, answer.body)).toEqual({ status: 400, body: { code: 0, message: 'Unknown command' } });
    });

    it('is refused with 413 above 1 MiB, announced or chunked', async () => {
      const body = randomBytes(MIB + 1);
      const path = ONION_PATHS[version];
      expect((await suite.server.onion.post(path, body)).status).toBe(413);
      const chunked = await suite.server.onion.post(path, new Blob([body]).stream()).catch(() => null);
      // The server may close before the client has sent everything; that is no answer, and no 5xx.
      expect([413, undefined]).toContain(chunked?.status);
      expect(await suite.server.send('unregister', { token: newIosToken() })).toEqual(UNKNOWN_TOKEN);
    });

    it('is refused with 400 and an empty body when it cannot be opened', async () => {
      for (const { what, body } of malformedBodies(version, suite.server.onion.serverPublicKey)) {
        const answer = await suite.server.onion.post(ONION_PATHS[version], body);
        expect({ what, status: answer.status, body: answer.body.toString() }).toEqual({ what, status: 400, body: '' });
      }
    });

    it('never changes how a refusal looks', async () => {
      const looks = new Set<string>();
      for (const { body } of malformedBodies(version, suite.server.onion.serverPublicKey)) {
        looks.add(look(await suite.server.onion.post(ONION_PATHS[version], body)));
      }
      expect([...looks]).toHaveLength(1);
    });

    it('writes no log line when it is refused', async () => {
      const before = suite.server.log.lines.length;
      for (const { body } of malformedBodies(version, suite.server.onion.serverPublicKey)) {
        await suite.server.onion.post(ONION_PATHS[version], body);
      }
      expect(suite.server.log.lines.slice(before)).toEqual([]);
    });

    it('is answered in its own form', async () => {
      const { path, body } = request(version);
      const answer = await suite.server.onion.post(path, body);
      expect(answer.headers.get('content-type')).toMatch(
        version === 'v2' ? /^application\/json/ : /^application\/octet-stream/,
      );
    });
  });

  it.each([
    '/',
    '/loki/v1/lsrpc',
    '/loki/v3/lsrpc',
    '/loki/v4/lsrpc',
    '/oxen/v2/lsrpc',
    '/oxen/v4/lsrpc/',
    '/register',
  ])('finds nothing at %s', async (path) => {
    const { body } = request('v4');
    expect((await suite.server.onion.post(path, body)).status).toBe(404);
  });

  it.each(VERSIONS)('finds nothing at the path of version %s with another method', async (version) => {
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      const { status } = await fetch(`${suite.server.url}${ONION_PATHS[version]}`, { method });
      expect({ method, status }).toEqual({ method, status: 404 });
    }
  });

  it('stands bytes that are no HTTP', async () => {
    const answer = await raw(Buffer.from('\x16\x03\x01 this is not HTTP\r\n\r\n'));
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 400 /);
    expect(await suite.server.send('unregister', { token: newIosToken() })).toEqual(UNKNOWN_TOKEN);
  });

  async function postRaw(path: string, headers: string[], body: Buffer): Promise<{ head: string; body: Buffer }> {
    const head = [`POST ${path} HTTP/1.1`, 'host: x', 'connection: close', ...headers, '', ''].join('\r\n');
    const answer = await raw(Buffer.concat([Buffer.from(head), body]));
    const end = answer.indexOf('\r\n\r\n');
    return { head: answer.subarray(0, end).toString(), body: answer.subarray(end + 4) };
  }

  async function raw(bytes: Buffer): Promise<Buffer> {
    const { hostname, port } = new URL(suite.server.url);
    const socket = connect(Number(port), hostname);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.write(bytes);
    await once(socket, 'close');
    return Buffer.concat(chunks);
  }
});

function look({ status, headers, body }: HttpAnswer): string {
  const names = [...headers].filter(([name]) => name !== 'date').map(([name, value]) => `${name}: ${value}`);
  return [status, ...names, body.toString()].join('\n');
}
