import { once } from 'node:events';
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type Settings,
} from 'node:http2';
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Authority, makeAuthority } from '../../../gateways/certificates.js';
import { ChannelError, type ChannelErrorReason } from './http2-answer.js';
import { Http2Channel, type Http2ChannelOptions } from './http2-channel.js';

type Handler = (stream: ServerHttp2Stream, peer: Peer) => void;

/** A real HTTP/2 server over TLS whose every answer is the test's own. */
interface Peer {
  server: Http2SecureServer;
  sessions: ServerHttp2Session[];
  streams: ServerHttp2Stream[];
  pings: number;
  origin: string;
  /** Streams that were open at the same time, at most. */
  mostOpen: number;
}

let authority: Authority;
let identity: { cert: string; key: string };
const cleanUps: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  authority = await makeAuthority();
  identity = await authority.issueServer();
});

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

const answer = (stream: ServerHttp2Stream, body = 'ok'): void => {
  if (stream.destroyed) return;
  stream.respond({ ':status': 200 });
  stream.end(body);
};

async function listen(server: { listen(port: number, host: string): unknown; address(): unknown }): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server as Http2SecureServer, 'listening');
  return `https://localhost:${(server.address() as AddressInfo).port}`;
}

async function startPeer(handler: Handler, settings: Settings = {}): Promise<Peer> {
  const server = createSecureServer({ ...identity, settings });
  const peer: Peer = { server, sessions: [], streams: [], pings: 0, origin: '', mostOpen: 0 };
  let open = 0;
  server.on('session', (session) => {
    peer.sessions.push(session);
    session.on('ping', () => peer.pings++);
    session.on('error', () => {});
  });
  server.on('stream', (stream) => {
    peer.streams.push(stream);
    peer.mostOpen = Math.max(peer.mostOpen, ++open);
    stream.on('close', () => open--);
    stream.on('error', () => {});
    stream.resume();
    handler(stream, peer);
  });
  server.on('sessionError', () => {});
  peer.origin = await listen(server);
  cleanUps.push(() => stop(peer));
  return peer;
}

async function stop(peer: Peer): Promise<void> {
  if (!peer.server.listening) return;
  const closed = once(peer.server, 'close');
  peer.server.close();
  for (const session of peer.sessions) session.destroy();
  await closed;
}

const [DATA, HEADERS, RST_STREAM, SETTINGS, END_HEADERS] = [0, 1, 3, 4, 4];
/** `:status: 200` in HPACK's static table. */
const STATUS_200 = 0x88;

/** RFC 9113 section 4.1: 3 bytes length, type, flags, 4 bytes stream, payload. */
function frame(type: number, flags: number, stream: number, payload: number[]): Buffer {
  return Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream, ...payload]);
}

/** A peer that Node would not be: `answer` writes the frames itself, once the first request is there. */
async function startFramePeer(answer: (socket: TLSSocket) => void): Promise<string> {
  const server = createTlsServer({ ...identity, ALPNProtocols: ['h2'] }, (socket) => {
    socket.on('error', () => {});
    socket.write(frame(SETTINGS, 0, 0, []));
    let seen = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      const before = seen.includes('hello');
      seen = Buffer.concat([seen, chunk]);
      if (!before && seen.includes('hello')) answer(socket);
    });
    cleanUps.push(() => void socket.destroy());
  });
  cleanUps.push(() => void server.close());
  return listen(server);
}

/** A wire to the peer that can go dead without a word, as when a machine or a NAT entry is gone. */
async function startWire(target: string): Promise<{ origin: string; cut(): void }> {
  const ends: Socket[] = [];
  const server = createTcpServer((near) => {
    const far = connectTcp(Number(new URL(target).port), '127.0.0.1');
    ends.push(near, far);
    near.pipe(far).pipe(near);
    for (const end of [near, far]) end.on('error', () => {});
  });
  const origin = await listen(server);
  cleanUps.push(() => {
    for (const end of ends) end.destroy();
    server.close();
  });
  return { origin, cut: () => ends.splice(0).forEach((end) => end.unpipe().pause()) };
}

function open(origin: string, options: Partial<Http2ChannelOptions> = {}): Http2Channel {
  const channel = new Http2Channel({
    origin,
    tls: () => ({ ca: authority.cert }),
    requestTimeoutMs: 2_000,
    connectTimeoutMs: 1_000,
    idlePingMs: 60_000,
    maxConcurrentStreams: 1_000,
    ...options,
  });
  cleanUps.push(() => channel.close());
  return channel;
}

const post = (channel: Http2Channel, body = 'hello') => channel.request({ ':method': 'POST', ':path': '/x' }, body);

/** `ok` or the reason of the failure. */
async function outcome(request: Promise<{ body: Buffer }>): Promise<string> {
  return request.then(
    ({ body }) => body.toString(),
    (error: unknown) => (error instanceof ChannelError ? `${error.kind}: ${error.reason}` : 'not a ChannelError'),
  );
}

const notProcessed = (reason: ChannelErrorReason) => `not-processed: ${reason}`;
const unknown = (reason: ChannelErrorReason) => `outcome-unknown: ${reason}`;
const unreachable = (reason: ChannelErrorReason) => `unreachable: ${reason}`;

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 5) {
    if (waited > 3_000) throw new Error('waited too long');
    await sleep(5);
  }
}

describe('a request over a channel', () => {
  it('carries headers and body there and status, headers and body back', async () => {
    const bodies: string[] = [];
    const peer = await startPeer(() => {});
    peer.server.removeAllListeners('stream');
    peer.server.on('stream', (stream, headers) => {
      stream.setEncoding('utf8').on('data', (text: string) => bodies.push(text));
      stream.on('end', () => {
        stream.respond({ ':status': 410, 'x-seen': `${headers[':method']} ${headers[':path']} ${headers['x-mine']}` });
        stream.end('{"reason":"Ünregistered"}');
      });
    });
    const channel = open(peer.origin);
    const got = await channel.request({ ':method': 'POST', ':path': '/3/device/ab', 'x-mine': '1' }, 'päylöad');
    expect(bodies.join('')).toBe('päylöad');
    expect({ status: got.status, seen: got.headers['x-seen'], body: got.body.toString() }).toEqual({
      status: 410,
      seen: 'POST /3/device/ab 1',
      body: '{"reason":"Ünregistered"}',
    });
  });

  it('takes an answer that has no body', async () => {
    const peer = await startPeer((stream) => stream.respond({ ':status': 200 }, { endStream: true }));
    const got = await post(open(peer.origin));
    expect([got.status, got.body.length]).toEqual([200, 0]);
  });

  it('opens no connection before it is needed, and one for many requests at once', async () => {
    const peer = await startPeer((stream) => answer(stream));
    const channel = open(peer.origin);
    await sleep(30);
    expect(peer.sessions).toHaveLength(0);
    await Promise.all(Array.from({ length: 50 }, () => post(channel)));
    await post(channel);
    expect(peer.sessions).toHaveLength(1);
  });

  it('gives up an answer that is too large to be one', async () => {
    const peer = await startPeer((stream) => answer(stream, 'x'.repeat(300 * 1024)));
    expect(await outcome(post(open(peer.origin)))).toBe(unknown('AnswerTooLarge'));
  });

  it('tells a request that HTTP/2 does not allow from one that failed', async () => {
    const peer = await startPeer((stream) => answer(stream));
    const channel = open(peer.origin);
    const wrong = channel.request({ ':method': 'POST', ':path': '/x', connection: 'close' }, '');
    expect(await outcome(wrong)).toBe(unknown('InvalidRequest'));
    expect(await outcome(post(channel))).toBe('ok');
  });
});

describe('the stream limit', () => {
  it('is the peer’s: a cold burst waits in line and nothing is refused', async () => {
    const peer = await startPeer((stream) => setTimeout(() => answer(stream), 2), { maxConcurrentStreams: 10 });
    const channel = open(peer.origin);
    const outcomes = await Promise.all(Array.from({ length: 200 }, () => outcome(post(channel))));
    expect(new Set(outcomes)).toEqual(new Set(['ok']));
    expect(peer.mostOpen).toBe(10);
  });

  it('is ours when that is lower', async () => {
    const peer = await startPeer((stream) => setTimeout(() => answer(stream), 2), { maxConcurrentStreams: 100 });
    const channel = open(peer.origin, { maxConcurrentStreams: 3 });
    await Promise.all(Array.from({ length: 30 }, () => post(channel)));
    expect(peer.mostOpen).toBe(3);
  });

  it('follows the settings while the connection lives, down and up', async () => {
    const peer = await startPeer((stream) => setTimeout(() => answer(stream), 5), { maxConcurrentStreams: 20 });
    const channel = open(peer.origin);
    await post(channel);
    const setLimit = async (limit: number) => {
      peer.sessions[0]?.settings({ maxConcurrentStreams: limit });
      await sleep(30);
      peer.mostOpen = 0;
    };
    await setLimit(1);
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => outcome(post(channel))));
    expect([new Set(outcomes), peer.mostOpen]).toEqual([new Set(['ok']), 1]);
    await setLimit(6);
    await Promise.all(Array.from({ length: 30 }, () => post(channel)));
    expect(peer.mostOpen).toBe(6);
  });

  it('bounds the wait: what finds no free stream in time was never sent', async () => {
    const peer = await startPeer(() => {}, { maxConcurrentStreams: 0 });
    const began = performance.now();
    expect(await outcome(post(open(peer.origin, { requestTimeoutMs: 80 })))).toBe(unreachable('QueueTimeout'));
    expect(performance.now() - began).toBeLessThan(5000);
    expect(peer.streams).toHaveLength(0);
  });

  it('starts the deadline when the stream opens, not while the request waits', async () => {
    const peer = await startPeer((stream) => setTimeout(() => answer(stream), 600), { maxConcurrentStreams: 1 });
    const channel = open(peer.origin, { requestTimeoutMs: 1000 });
    expect(await Promise.all([outcome(post(channel)), outcome(post(channel))])).toEqual(['ok', 'ok']);
  });
});

describe('a refused or broken stream', () => {
  it('was not processed after REFUSED_STREAM, and the connection stays', async () => {
    let refuse = true;
    const peer = await startPeer((stream) => {
      if (refuse) stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else answer(stream);
      refuse = false;
    });
    const channel = open(peer.origin);
    expect(await outcome(post(channel))).toBe(notProcessed('RefusedStream'));
    expect(await outcome(post(channel))).toBe('ok');
    expect(peer.sessions).toHaveLength(1);
  });

  it.each([
    ['INTERNAL_ERROR', constants.NGHTTP2_INTERNAL_ERROR],
    ['CANCEL', constants.NGHTTP2_CANCEL],
    ['NO_ERROR', constants.NGHTTP2_NO_ERROR],
  ])('has an unknown outcome after %s', async (_name, code) => {
    const peer = await startPeer((stream) => stream.close(code));
    expect(await outcome(post(open(peer.origin)))).toBe(unknown('StreamReset'));
  });

  it.each([
    ['reset', (socket: TLSSocket) => socket.write(frame(RST_STREAM, 0, 1, [0, 0, 0, 8])), 'StreamReset'],
    ['cut', (socket: TLSSocket) => socket.destroy(), 'ConnectionLost'],
    ['closed', (socket: TLSSocket) => socket.end(), 'ConnectionLost'],
  ] as const)('has an unknown outcome when it is %s in the middle of the answer', async (_how, tear, reason) => {
    const origin = await startFramePeer((socket) => {
      socket.write(frame(HEADERS, END_HEADERS, 1, [STATUS_200]));
      socket.write(frame(DATA, 0, 1, [...Buffer.from('{"rea')]));
      setTimeout(() => tear(socket), 20);
    });
    expect(await outcome(post(open(origin)))).toBe(unknown(reason));
  });
});

describe('GOAWAY', () => {
  it('lets everything in flight end on the old connection while new requests use a new one', async () => {
    const held: ServerHttp2Stream[] = [];
    const peer = await startPeer((stream, { sessions }) => {
      if (sessions.length > 1) answer(stream, 'new');
      else if (held.push(stream) === 20) stream.session?.close();
    });
    const channel = open(peer.origin);
    const first = Array.from({ length: 20 }, () => outcome(post(channel)));
    await until(() => held.length === 20);
    await sleep(20);
    const began = performance.now();
    expect(await outcome(post(channel))).toBe('new');
    expect(performance.now() - began).toBeLessThan(5000);
    for (const stream of held) answer(stream, 'old');
    expect(new Set(await Promise.all(first))).toEqual(new Set(['old']));
    expect(peer.sessions).toHaveLength(2);
    await until(() => peer.sessions[0]?.destroyed === true);
  });

  it('leaves the streams above its last one unprocessed, at once, and the others answered', async () => {
    const held: ServerHttp2Stream[] = [];
    const peer = await startPeer((stream) => {
      if (held.push(stream) === 4) stream.session?.goaway(constants.NGHTTP2_NO_ERROR, held[1]?.id);
    });
    const channel = open(peer.origin);
    const requests = Array.from({ length: 4 }, () => outcome(post(channel)));
    expect(await Promise.all(requests.slice(2))).toEqual([notProcessed('GoAway'), notProcessed('GoAway')]);
    for (const stream of held.slice(0, 2)) answer(stream);
    expect(await Promise.all(requests.slice(0, 2))).toEqual(['ok', 'ok']);
  });

  it('with an error code ends the session: below its last stream unknown, above it unprocessed', async () => {
    const held: ServerHttp2Stream[] = [];
    const peer = await startPeer((stream) => {
      if (held.push(stream) === 4) stream.session?.goaway(constants.NGHTTP2_REFUSED_STREAM, held[1]?.id);
    });
    const channel = open(peer.origin);
    const outcomes = await Promise.all(Array.from({ length: 4 }, () => outcome(post(channel))));
    expect(outcomes).toEqual([
      unknown('ConnectionLost'),
      unknown('ConnectionLost'),
      notProcessed('GoAway'),
      notProcessed('GoAway'),
    ]);
  });

  it('moves what waited in line to the new connection', async () => {
    const peer = await startPeer(
      (stream, { sessions }) => {
        if (sessions.length === 1 && stream.id === 3) setTimeout(() => stream.session?.close(), 10);
        setTimeout(() => answer(stream), 20);
      },
      { maxConcurrentStreams: 2 },
    );
    const channel = open(peer.origin);
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => outcome(post(channel))));
    expect(new Set(outcomes)).toEqual(new Set(['ok']));
    expect(peer.sessions.length).toBeGreaterThan(1);
  });
});

describe('time-outs', () => {
  it('cancel the stream and leave the outcome unknown', async () => {
    const peer = await startPeer(() => {});
    expect(await outcome(post(open(peer.origin, { requestTimeoutMs: 50 })))).toBe(unknown('Timeout'));
    await until(() => peer.streams[0]?.rstCode === constants.NGHTTP2_CANCEL);
  });

  it('replace the connection after three in a row, and not while answers come between', async () => {
    const peer = await startPeer((stream, { sessions }) => {
      if (sessions.length > 1) answer(stream, 'new');
    });
    const channel = open(peer.origin, { requestTimeoutMs: 300 });
    const answerNext = () => peer.server.once('stream', (stream) => answer(stream));
    for (let round = 0; round < 2; round++) {
      await Promise.all([outcome(post(channel)), outcome(post(channel))]);
      answerNext();
      expect(await outcome(post(channel))).toBe('ok');
    }
    expect(peer.sessions).toHaveLength(1);
    await Promise.all([outcome(post(channel)), outcome(post(channel)), outcome(post(channel))]);
    expect(await outcome(post(channel))).toBe('new');
    expect(peer.sessions).toHaveLength(2);
    await until(() => peer.sessions[0]?.destroyed === true);
  });
});

describe('an idle connection', () => {
  it('is pinged and stays', async () => {
    const peer = await startPeer((stream) => answer(stream));
    const channel = open(peer.origin, { idlePingMs: 30 });
    await post(channel);
    await until(() => peer.pings >= 2);
    await post(channel);
    expect(peer.sessions).toHaveLength(1);
  });

  it('that answers no ping is replaced before the next request', async () => {
    const peer = await startPeer((stream) => answer(stream));
    const wire = await startWire(peer.origin);
    const channel = open(wire.origin, { idlePingMs: 30, connectTimeoutMs: 500 });
    await post(channel);
    wire.cut();
    await sleep(1200);
    expect(await outcome(post(channel))).toBe('ok');
    expect(peer.sessions).toHaveLength(2);
  });
});

describe('connecting', () => {
  it('fails everybody who waits when the connection is refused', async () => {
    const peer = await startPeer(() => {});
    await stop(peer);
    const channel = open(peer.origin);
    expect(await Promise.all([outcome(post(channel)), outcome(post(channel))])).toEqual([
      unreachable('ConnectFailed'),
      unreachable('ConnectFailed'),
    ]);
  });

  it('does not try again at once after failures, and works when the peer is back', async () => {
    let tries = 0;
    const refusing = createTlsServer({ ...identity });
    refusing.on('connection', (socket) => {
      tries++;
      socket.destroy();
    });
    const origin = await listen(refusing);
    const channel = open(origin);
    const end = performance.now() + 500;
    while (performance.now() < end) expect(await outcome(post(channel))).toBe(unreachable('ConnectFailed'));
    expect(tries).toBeGreaterThan(1);
    expect(tries).toBeLessThan(6);
    await new Promise((resolve) => refusing.close(resolve));

    const server = createSecureServer(identity, (_request, response) => response.end('ok'));
    server.listen(Number(new URL(origin).port), '127.0.0.1');
    cleanUps.push(() => void server.close());
    expect(await outcome(post(channel))).toBe('ok');
  });

  it.each([
    ['of an authority that is not trusted', () => ({ ca: undefined })],
    ['without usable credentials of our own', () => ({ ca: authority.cert, cert: 'nothing', key: 'nothing' })],
  ])('is a TLS failure against a peer %s', async (_what, tls) => {
    const peer = await startPeer((stream) => answer(stream));
    expect(await outcome(post(open(peer.origin, { tls })))).toBe(unreachable('TlsFailed'));
    expect(peer.streams).toHaveLength(0);
  });

  it('is a TLS failure when the credentials cannot be read', async () => {
    const tls = () => {
      throw new Error('no such file');
    };
    expect(await outcome(post(open('https://localhost:1', { tls })))).toBe(unreachable('TlsFailed'));
  });

  it('checks certificates whatever the environment says', async () => {
    const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    cleanUps.push(() => {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
    });
    const other = await (await makeAuthority()).issueServer();
    const server = createSecureServer(other, (_request, response) => response.end('ok'));
    const origin = await listen(server);
    cleanUps.push(() => void server.close());
    expect(await outcome(post(open(origin)))).toBe(unreachable('TlsFailed'));
  });

  it('is a TLS failure when the peer speaks no HTTP/2 or only an old TLS', async () => {
    for (const old of [
      { ALPNProtocols: ['http/1.1'] },
      {},
      { maxVersion: 'TLSv1.1' as const, minVersion: 'TLSv1.1' as const },
    ]) {
      const server = createTlsServer({ ...identity, ...old });
      server.on('tlsClientError', () => {});
      const origin = await listen(server);
      cleanUps.push(() => void server.close());
      expect(await outcome(post(open(origin)))).toBe(unreachable('TlsFailed'));
    }
  });

  it('refuses to send when the peer does not accept our certificate', async () => {
    const server = createSecureServer({ ...identity, ca: authority.cert, requestCert: true, rejectUnauthorized: true });
    let streams = 0;
    server.on('stream', () => streams++);
    server.on('tlsClientError', () => {});
    server.on('sessionError', () => {});
    const origin = await listen(server);
    cleanUps.push(() => void server.close());
    expect(await outcome(post(open(origin)))).toMatch(/^unreachable: (TlsFailed|ConnectFailed)$/);
    expect(streams).toBe(0);
  });

  it('ends by a deadline when the peer says nothing', async () => {
    const server = createTlsServer({ ...identity, ALPNProtocols: ['h2'] });
    const sockets: TLSSocket[] = [];
    server.on('secureConnection', (socket) => sockets.push(socket.on('error', () => {})));
    const origin = await listen(server);
    cleanUps.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    expect(await outcome(post(open(origin, { connectTimeoutMs: 80 })))).toBe(unreachable('ConnectTimeout'));
  });
});

describe('renewing', () => {
  it('sends new requests with the new credentials and lets the old connection end', async () => {
    const held: ServerHttp2Stream[] = [];
    const peer = await startPeer((stream, { sessions }) => {
      if (sessions.length > 1) answer(stream, 'new');
      else held.push(stream);
    });
    let reads = 0;
    const channel = open(peer.origin, { tls: () => (reads++, { ca: authority.cert }) });
    const old = outcome(post(channel));
    await until(() => held.length === 1);
    channel.renew();
    expect(await outcome(post(channel))).toBe('new');
    expect(reads).toBe(2);
    for (const stream of held) answer(stream, 'old');
    expect(await old).toBe('old');
    await until(() => peer.sessions[0]?.destroyed === true);
  });

  it('while connecting begins anew without failing anybody', async () => {
    const peer = await startPeer((stream) => answer(stream));
    const channel = open(peer.origin);
    const request = outcome(post(channel));
    channel.renew();
    expect(await request).toBe('ok');
  });
});

describe('closing', () => {
  it('waits for what is in flight, fails what waits, and takes nothing more', async () => {
    const peer = await startPeer((stream) => setTimeout(() => answer(stream), 60), { maxConcurrentStreams: 1 });
    const channel = open(peer.origin);
    await post(channel);
    const requests = [outcome(post(channel)), outcome(post(channel))];
    await until(() => peer.streams.length === 2);
    const closed = channel.close();
    expect(await Promise.all(requests)).toEqual(['ok', notProcessed('Closed')]);
    await closed;
    expect(await outcome(post(channel))).toBe(notProcessed('Closed'));
    await until(() => peer.sessions[0]?.destroyed === true);
  });

  it('gives up after five seconds what is never answered', async () => {
    const peer = await startPeer(() => {});
    const channel = open(peer.origin, { requestTimeoutMs: 60_000 });
    const request = outcome(post(channel));
    await until(() => peer.streams.length === 1);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    cleanUps.push(() => void vi.useRealTimers());
    const closed = channel.close();
    await vi.advanceTimersByTimeAsync(4_900);
    expect(peer.sessions[0]?.destroyed).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    expect(await request).toBe(unknown('ConnectionLost'));
    await closed;
  });

  it('ends also when nothing was ever sent, and while connecting', async () => {
    await open('https://localhost:1').close();
    const peer = await startPeer((stream) => answer(stream));
    const channel = open(peer.origin);
    const request = outcome(post(channel));
    await channel.close();
    expect(await request).toBe(notProcessed('Closed'));
  });
});
