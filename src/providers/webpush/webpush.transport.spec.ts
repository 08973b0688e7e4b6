import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Credentials, makeCredentials, makeVapidKey } from '../../../gateways/certificates.js';
import { startWebPushGateway, type WebPushGateway } from '../../../gateways/webpush.gateway.js';
import { type WebPushSubscription } from '../../../gateways/webpush.phone.js';
import { DnsServer } from '../../../test/support/dns-server.js';
import { type DeliveryResult, type Push, type PushTarget } from '../push-transport.js';
import { decodeAuth, decodeP256dh, packKeys } from './phone-keys.protocol.js';
import { WebPushTransport, type WebPushTransportOptions } from './webpush.transport.js';

const folder = mkdtempSync(join(tmpdir(), 'spns-webpush-'));
const files = { key: join(folder, 'vapid.pem'), ca: join(folder, 'ca.pem') };
let credentials: Credentials;
let gateway: WebPushGateway;
let transport: WebPushTransport;
const servers: Server[] = [];

beforeAll(async () => {
  credentials = await makeCredentials();
  gateway = await startWebPushGateway({ credentials });
});
beforeEach(async () => {
  writeFileSync(files.key, credentials.vapidKey.privateKey);
  writeFileSync(files.ca, credentials.authority.cert);
  await open();
});
afterEach(async () => {
  await transport.close();
  await gateway.reset();
  for (const server of servers.splice(0)) server.close();
});
afterAll(async () => {
  await gateway.close();
  rmSync(folder, { recursive: true });
});

async function open(options: Partial<WebPushTransportOptions> = {}, allowedHosts = ['localhost']): Promise<void> {
  const config = { keyFile: files.key, subject: 'mailto:operator@example.org', caFile: files.ca, allowedHosts };
  // No test waits for a pause unless it asks for a short one.
  transport = await WebPushTransport.open(config, { pauseMs: 60_000, ...options });
}

const newPhone = (): WebPushSubscription => gateway.subscribe(credentials.vapidKey.applicationServerKey);

function targetOf({ endpoint, p256dh, auth }: WebPushSubscription): PushTarget {
  const keys = { p256dh: decodeP256dh(p256dh), auth: decodeAuth(auth) };
  if (!keys.p256dh || !keys.auth) throw new Error('these are no keys');
  const serviceInfo = packKeys({ p256dh: keys.p256dh, auth: keys.auth }).toString('base64url');
  return { token: endpoint, serviceInfo, registeredAt: 1, apnsEnvironment: null };
}

const pushOf = (payload: string | null, ...targets: PushTarget[]): Push => ({
  notificationId: '00000000-0000-4000-8000-000000000001',
  content: { kind: 'sealed', payload },
  urgency: 'high',
  expiresAt: Date.now() + 90_000,
  targets,
});

async function sendTo(
  subscription: WebPushSubscription,
  more: Partial<Push> = {},
): Promise<DeliveryResult | undefined> {
  return (await transport.send({ ...pushOf('AAAA', targetOf(subscription)), ...more }))[0];
}

const at = (endpoint: string): WebPushSubscription => ({ ...newPhone(), endpoint });
const later = (reason: string) => expect.objectContaining({ outcome: 'retry', cause: 'host-down', reason });

/** A server of strangers that does with a connection what the test says. */
async function strangerServer(
  handle: (socket: TLSSocket) => void,
): Promise<{ url: string; connections: () => number }> {
  const { cert, key } = credentials.server;
  let connections = 0;
  const server = createTlsServer({ cert, key }, (socket) => {
    socket.on('error', () => undefined);
    handle(socket);
  });
  server.on('connection', () => connections++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  return { url: `https://localhost:${(server.address() as AddressInfo).port}/x`, connections: () => connections };
}
/** As `push-host.ts` bounds them. */
const SOCKETS_OF_A_NEW_HOST = 4;

const answering = (text: string) => (socket: TLSSocket) => void socket.on('data', () => socket.write(text));

describe('a push', () => {
  it('may have arrived when it waited for the connection of another one, which then broke', async () => {
    const answered: TLSSocket[] = [];
    const { url } = await strangerServer((socket) =>
      socket.on('data', (part: Buffer) => {
        if (!part.includes('POST ')) return;
        if (answered.push(socket) > SOCKETS_OF_A_NEW_HOST) socket.destroy();
        if (answered.length !== SOCKETS_OF_A_NEW_HOST) return;
        // Meanwhile the last one waits.
        setTimeout(
          () => answered.forEach((one) => one.write('HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n')),
          500,
        );
      }),
    );
    const sent = await Promise.all(Array.from({ length: SOCKETS_OF_A_NEW_HOST + 1 }, () => sendTo(at(url))));
    expect(sent.filter((result) => result?.outcome !== 'delivered')).toEqual([later('ConnectionLost')]);
  });

  it('reaches the phone, which opens it', async () => {
    const phone = newPhone();
    expect(await sendTo(phone)).toEqual({ outcome: 'delivered', contentLeftOut: false });
    const [received] = gateway.received;
    expect(received?.body).toEqual({ enc_payload: 'AAAA', spns: '2' });
    expect(received?.headers).toMatchObject({ urgency: 'high', topic: expect.stringMatching(/^[\w-]{32}$/) });
    expect(Number(received?.headers['ttl'])).toBeGreaterThan(80);
  });

  it('says who we are with one JWT for all pushes to a server, over one connection', async () => {
    for (let sent = 0; sent < 5; sent++) await sendTo(newPhone());
    expect(gateway.credentialsSeen.size).toBe(1);
    expect(gateway.counts.connections).toBe(1);
  });

  it('goes without content when it has no room for it', async () => {
    expect(await sendTo(newPhone(), { content: { kind: 'sealed', payload: 'A'.repeat(3965) } })).toEqual({
      outcome: 'delivered',
      contentLeftOut: true,
    });
    expect(gateway.received.map(({ body }) => body)).toEqual([{ spns: '2' }]);
    expect(gateway.requests).toHaveLength(1);
  });

  it('goes once more without content when the server has less room', async () => {
    const phone = newPhone();
    gateway.faults.forToken(phone.endpoint, { kind: 'answer', answer: { status: 413 } }, 1);
    expect(await sendTo(phone)).toEqual({ outcome: 'delivered', contentLeftOut: true });
    gateway.faults.forToken(phone.endpoint, { kind: 'answer', answer: { status: 413 } });
    expect(await sendTo(phone)).toEqual({ outcome: 'refused', reason: 'Http413' });
  });

  it('is refused without keys, and to an endpoint that is not allowed any more', async () => {
    const { serviceInfo: _, ...bare } = targetOf(newPhone());
    expect(await transport.send(pushOf('A', bare))).toEqual([{ outcome: 'refused', reason: 'NoKeys' }]);
    expect(await sendTo(at('https://127.0.0.1:9/x'))).toEqual({ outcome: 'refused', reason: 'EndpointNotAllowed' });
    const zero = { ...targetOf(newPhone()), serviceInfo: Buffer.alloc(81).toString('base64url') };
    expect(await transport.send(pushOf('A', zero))).toEqual([{ outcome: 'refused', reason: 'BadKeys' }]);
  });
});

describe('an endpoint', () => {
  it('that the server calls gone is dead', async () => {
    const phone = newPhone();
    gateway.mark(phone.endpoint, 'gone');
    expect(await sendTo(phone)).toEqual({ outcome: 'token-gone', reason: 'Http410' });
  });

  it('that is not found is dead when the server takes the pushes of others', async () => {
    const phone = newPhone();
    gateway.mark(phone.endpoint, 'unknown');
    expect(await sendTo(phone)).toEqual(later('Http404'));
    await sendTo(newPhone());
    expect(await sendTo(phone)).toEqual({ outcome: 'token-gone', reason: 'Http404' });
  });

  it('that is asked too often is left alone, and no other', async () => {
    const [one, other] = [newPhone(), newPhone()];
    gateway.mark(one.endpoint, 'throttled', { retryAfterSeconds: 30 });
    for (let sent = 0; sent < 5; sent++) {
      expect(await sendTo(one)).toEqual({
        outcome: 'retry',
        cause: 'device-throttled',
        reason: 'Http429',
        retryAfterMs: 30_000,
      });
    }
    expect(await sendTo(other)).toMatchObject({ outcome: 'delivered' });
  });

  it('that nobody listens at, or that refuses our key, is no matter of the others', async () => {
    const unheard = newPhone();
    gateway.mark(unheard.endpoint, 'unheard');
    const foreign = gateway.subscribe(makeVapidKey().applicationServerKey);
    for (let sent = 0; sent < 5; sent++) {
      expect(await sendTo(unheard)).toEqual(later('Http507'));
      expect(await sendTo(foreign)).toEqual(later('Http403'));
    }
    expect(await sendTo(newPhone())).toMatchObject({ outcome: 'delivered' });
  });
});

describe('a server', () => {
  it.each([500, 502, 503])('that answers %i is left alone after a while, and no other', async (status) => {
    const broken = await strangerServer(answering(`HTTP/1.1 ${status} X\r\ncontent-length: 0\r\n\r\n`));
    for (let sent = 0; sent < 3; sent++) expect(await sendTo(at(broken.url))).toEqual(later(`Http${status}`));
    expect(await sendTo(at(broken.url))).toEqual(later('ServerPaused'));
    expect(await sendTo(newPhone())).toMatchObject({ outcome: 'delivered' });
  });

  it('that is away is probed after its pause', async () => {
    await transport.close();
    await open({ pauseMs: 50 });
    const phone = newPhone();
    await gateway.stopListening();
    for (let sent = 0; sent < 3; sent++) expect(await sendTo(phone)).toEqual(later('ConnectFailed'));
    await gateway.listenAgain();
    await expect.poll(() => sendTo(phone)).toMatchObject({ outcome: 'delivered' });
    expect(transport.servers()).toMatchObject({ failing: 0 });
  });

  it.each(['untrusted', 'expired', 'other-host'] as const)(
    'with a certificate that is %s gets nothing',
    async (kind) => {
      await gateway.serveCertificate(kind);
      expect(await sendTo(newPhone())).toEqual(later('TlsFailed'));
      expect(gateway.requests).toHaveLength(0);
    },
  );

  it('that speaks no TLS gets nothing', async () => {
    const plain = createTcpServer((socket) => void socket.on('error', () => undefined).end('HTTP/1.1 201 OK\r\n\r\n'));
    servers.push(plain.listen(0, '127.0.0.1'));
    await once(plain, 'listening');
    const { port } = plain.address() as AddressInfo;
    expect(await sendTo(at(`https://localhost:${port}/x`))).toEqual(later('TlsFailed'));
  });

  it('is never followed elsewhere', async () => {
    const { endpoint } = newPhone();
    for (const status of [301, 302, 303, 307, 308]) {
      const server = await strangerServer(
        answering(`HTTP/1.1 ${status} X\r\nlocation: ${endpoint}\r\ncontent-length: 0\r\n\r\n`),
      );
      expect(await sendTo(at(server.url))).toEqual(later(`Http${status}`));
    }
    expect(gateway.requests).toHaveLength(0);
  });

  it('that does not answer holds a request for no longer than it may', async () => {
    await transport.close();
    await open({ requestTimeoutMs: 200 });
    const silent = await strangerServer(() => undefined);
    expect(await sendTo(at(silent.url))).toEqual(later('Timeout'));
    const hints = await strangerServer((socket) => {
      const timer = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'), 20);
      socket.on('close', () => clearInterval(timer));
    });
    expect(await sendTo(at(hints.url))).toEqual(later('Timeout'));
  });

  it('that does not shake hands is given up', async () => {
    await transport.close();
    await open({ connectTimeoutMs: 200 });
    const mute = createTcpServer((socket) => void socket.on('error', () => undefined));
    servers.push(mute.listen(0, '127.0.0.1'));
    await once(mute, 'listening');
    const { port } = mute.address() as AddressInfo;
    expect(await sendTo(at(`https://localhost:${port}/x`))).toEqual(later('ConnectTimeout'));
  });

  it('may not send headers without end', async () => {
    const server = await strangerServer(answering(`HTTP/1.1 201 X\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`));
    expect(await sendTo(at(server.url))).toEqual(later('ConnectionLost'));
  });

  it('may say what it likes after its status', async () => {
    const endless = await strangerServer((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 201 X\r\n\r\n');
        const timer = setInterval(() => socket.write('x'.repeat(8000)), 5);
        socket.on('close', () => clearInterval(timer));
      });
    });
    expect(await sendTo(at(endless.url))).toMatchObject({ outcome: 'delivered' });
    const slow = await strangerServer(answering('HTTP/1.1 410 X\r\ncontent-length: 9\r\n\r\nx'));
    expect(await sendTo(at(slow.url))).toEqual({ outcome: 'token-gone', reason: 'Http410' });
    const short = await strangerServer(
      (socket) => void socket.once('data', () => socket.end('HTTP/1.1 201 X\r\ncontent-length: 9\r\n\r\nx')),
    );
    expect(await sendTo(at(short.url))).toMatchObject({ outcome: 'delivered' });
  });

  it('that is slow takes few of the places', async () => {
    await transport.close();
    await open({ requestTimeoutMs: 2000 });
    const silent = await strangerServer(() => undefined);
    const sent = Array.from({ length: 40 }, () => sendTo(at(silent.url)));
    const busy = await Promise.race(sent.slice(-1));
    expect(busy).toEqual(later('ServerBusy'));
    expect(await sendTo(newPhone())).toMatchObject({ outcome: 'delivered' });
    await expect.poll(silent.connections).toBe(4);
  });

  it('is named to the operator when many use it', async () => {
    expect(transport.servers()).toEqual({ known: 0, failing: 0, proven: 0, provenFailing: 0, largestFailing: [] });
    const phones = Array.from({ length: 5 }, newPhone);
    await gateway.stopListening();
    for (const phone of phones.slice(0, 4)) await sendTo(phone);
    expect(transport.servers()).toEqual({ known: 1, failing: 1, proven: 0, provenFailing: 0, largestFailing: [] });
    await gateway.listenAgain();
    await transport.close();
    await open();
    for (const phone of phones) await sendTo(phone);
    await gateway.stopListening();
    gateway.destroyConnections();
    for (let sent = 0; sent < 4; sent++) await sendTo(phones[0] ?? newPhone());
    expect(transport.servers()).toEqual({
      known: 1,
      failing: 1,
      proven: 1,
      provenFailing: 1,
      largestFailing: [{ host: new URL(gateway.url).host, devices: 5, reason: 'ConnectFailed' }],
    });
  });
});

describe('a stranger', () => {
  it('leads us to no address that is not public, by whatever name', async () => {
    await transport.close();
    const inside = await strangerServer(answering('HTTP/1.1 201 X\r\ncontent-length: 0\r\n\r\n'));
    const { port } = new URL(inside.url);
    const dns = await DnsServer.start((name) => (name.startsWith('six') ? ['::1', '::ffff:7f00:1'] : ['127.0.0.1']));
    await open({ dnsServers: [dns.address] }, []);
    for (const name of ['four', 'six']) {
      expect(await sendTo(at(`https://${name}.example.org:${port}/x`))).toEqual(later('AddressNotPublic'));
    }
    expect(inside.connections()).toBe(0);
    await dns.close();
  });

  it('bothers nobody with more than the share of an account', async () => {
    const third = await strangerServer(answering('HTTP/1.1 400 X\r\ncontent-length: 0\r\n\r\n'));
    const sendAs = (recipient: string, path: number) => sendTo(at(`${third.url}/${path}`), { recipient });
    for (let path = 0; path < 10; path++) expect(await sendAs('a', path)).toMatchObject({ outcome: 'refused' });
    expect(await sendAs('a', 10)).toEqual(later('AccountShare'));
    expect(await sendAs('a', 0)).toMatchObject({ outcome: 'refused' });
    expect(await sendAs('b', 10)).toMatchObject({ outcome: 'refused' });
  });

  it('has a share over all servers too, of those that take no pushes', async () => {
    const results: (DeliveryResult | undefined)[] = [];
    for (let one = 0; one < 4; one++) {
      const { url } = await strangerServer(answering('HTTP/1.1 400 X\r\ncontent-length: 0\r\n\r\n'));
      for (let path = 0; path < 10; path++) results.push(await sendTo(at(`${url}/${path}`), { recipient: 'a' }));
    }
    expect(results.filter((result) => result?.outcome === 'refused')).toHaveLength(30);
    await sendTo(newPhone());
    for (let sent = 0; sent < 20; sent++) {
      expect(await sendTo(newPhone(), { recipient: 'a' })).toMatchObject({ outcome: 'delivered' });
    }
  });
});

describe('the credentials', () => {
  it('stay when the file holds another key, because phones know the old one', async () => {
    writeFileSync(files.key, makeVapidKey().privateKey);
    await expect(transport.reloadCredentials()).rejects.toThrow(/^VAPID_KEY_FILE \(\/.*\) holds another key/);
    expect(await sendTo(newPhone())).toMatchObject({ outcome: 'delivered' });
  });

  it('are taken with other authorities, and the connections made anew', async () => {
    await transport.reloadCredentials();
    writeFileSync(files.ca, (await makeCredentials()).authority.cert);
    await transport.reloadCredentials();
    expect(await sendTo(newPhone())).toEqual(later('TlsFailed'));
  });

  it('do not end by themselves', () => expect(transport.credentialExpiresAt()).toBeNull());
});

it('sends nothing any more once it is closed', async () => {
  await transport.close();
  expect(await sendTo(newPhone())).toEqual(later('Closed'));
});
