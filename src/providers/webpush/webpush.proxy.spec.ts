import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeAuthority, makeVapidKey } from '../../../gateways/certificates.js';
import { WebPushPhone } from '../../../gateways/webpush.phone.js';
import { ConnectProxy } from '../../../test/support/connect-proxy.js';
import { DnsServer } from '../../../test/support/dns-server.js';
import { parseConfig } from '../../config/app-config.js';
import { Outgoing } from '../../outgoing/outgoing.js';
import { type DeliveryResult } from '../push-transport.js';
import { decodeAuth, decodeP256dh, packKeys } from './phone-keys.protocol.js';
import { WebPushTransport } from './webpush.transport.js';

/** Addresses of the internet, at none of which anybody of ours is. */
const PUBLIC = '93.184.216.34';
const OTHER_PUBLIC = '2606:2800:220:1:248:1893:25c8:1946';

const ZONE: Readonly<Record<string, readonly string[]>> = {
  'push.example.org': [PUBLIC],
  'private.example.org': ['10.0.0.7', '::1', '127.0.0.1', '169.254.169.254'],
  'both.example.org': ['192.168.1.1', PUBLIC],
  'two.example.org': [PUBLIC, OTHER_PUBLIC],
};

describe('Web Push through a proxy', () => {
  const folder = mkdtempSync(join(tmpdir(), 'spns-webpush-proxy-'));
  const files = { key: join(folder, 'vapid.pem'), ca: join(folder, 'ca.pem') };
  let server: ReturnType<typeof createServer>;
  let requests: string[];
  let dns: DnsServer;
  let proxy: ConnectProxy;
  /** Where the proxy may lead. */
  let leadsTo: (authority: string) => boolean;
  let transport: WebPushTransport;

  beforeAll(async () => {
    const authority = await makeAuthority();
    writeFileSync(files.key, makeVapidKey().privateKey);
    writeFileSync(files.ca, authority.cert);
    const names = Object.keys(ZONE).concat('inner', PUBLIC);
    const { cert, key } = await authority.issueServer({ names });
    server = createServer({ cert, key }, (request, response) => {
      requests.push(request.headers.host ?? '');
      request.resume();
      response.writeHead(201).end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    dns = await DnsServer.start((name) => ZONE[name] ?? []);
  });
  beforeEach(async () => {
    requests = [];
    leadsTo = () => true;
    const { port } = server.address() as AddressInfo;
    proxy = await ConnectProxy.start({ route: (authority) => (leadsTo(authority) ? port : null) });
    await open();
  });
  afterEach(async () => {
    await transport.close();
    await proxy.close();
  });
  afterAll(async () => {
    server.close();
    await dns.close();
    rmSync(folder, { recursive: true });
  });

  async function open(env: Record<string, string> = {}): Promise<void> {
    const config = { keyFile: files.key, subject: 'mailto:o@example.org', caFile: files.ca, allowedHosts: ['inner'] };
    const outgoing = new Outgoing(parseConfig({ HTTPS_PROXY: proxy.url, ...env }).proxy);
    transport = await WebPushTransport.open(config, { outgoing, dnsServers: [dns.address], pauseMs: 60_000 });
  }

  async function sendTo(endpoint: string): Promise<DeliveryResult | undefined> {
    const { p256dh, auth } = new WebPushPhone().subscription(endpoint);
    const keys = { p256dh: decodeP256dh(p256dh), auth: decodeAuth(auth) };
    if (!keys.p256dh || !keys.auth) throw new Error('these are no keys');
    const serviceInfo = packKeys({ p256dh: keys.p256dh, auth: keys.auth }).toString('base64url');
    const [result] = await transport.send({
      notificationId: '00000000-0000-4000-8000-000000000001',
      content: { kind: 'sealed', payload: 'AAAA' },
      urgency: 'high',
      expiresAt: Date.now() + 60_000,
      targets: [{ token: endpoint, serviceInfo, registeredAt: 1, apnsEnvironment: null }],
    });
    return result;
  }

  const refused = (reason: string) => expect.objectContaining({ outcome: 'retry', cause: 'host-down', reason });

  it('asks for the address that was looked at, and the server shows the certificate of its name', async () => {
    expect(await sendTo('https://push.example.org/x')).toMatchObject({ outcome: 'delivered' });
    expect(proxy.asked).toEqual([`${PUBLIC}:443`]);
    expect(requests).toEqual(['push.example.org']);
    // Another name at the same server.
    expect(await sendTo('https://stranger.push.example.org/x')).toEqual(refused('NameFailed'));
  });

  it('asks for no address that is not public, by whatever name', async () => {
    expect(await sendTo('https://private.example.org/x')).toEqual(refused('AddressNotPublic'));
    for (const address of ['127.0.0.1', '10.0.0.7', '[::1]', '[::ffff:127.0.0.1]', '169.254.169.254', '0x7f000001']) {
      expect(await sendTo(`https://${address}/x`)).toMatchObject({ outcome: 'refused', reason: 'EndpointNotAllowed' });
    }
    expect(proxy.asked).toEqual([]);
  });

  it('asks for the public addresses of a name that has others too', async () => {
    expect(await sendTo('https://both.example.org/x')).toMatchObject({ outcome: 'delivered' });
    expect(proxy.asked).toEqual([`${PUBLIC}:443`]);
  });

  it('asks for one address after the other', async () => {
    leadsTo = (authority) => authority.startsWith('[');
    expect(await sendTo('https://two.example.org/x')).toMatchObject({ outcome: 'delivered' });
    expect(proxy.asked).toEqual([`${PUBLIC}:443`, `[${OTHER_PUBLIC}]:443`]);
  });

  it('asks for a public address that is the host itself', async () => {
    expect(await sendTo(`https://${PUBLIC}/x`)).toMatchObject({ outcome: 'delivered' });
    expect(proxy.asked).toEqual([`${PUBLIC}:443`]);
  });

  it('asks for one address no more often than 60 times a minute, by however many names and ports, until a push is taken', async () => {
    leadsTo = () => false;
    const sendToPort = (port: number) =>
      sendTo(port % 2 === 0 ? `https://${PUBLIC}:${port}/x` : `https://push.example.org:${port}/x`);
    for (let port = 2000; port < 2060; port++) expect(await sendToPort(port)).toEqual(refused('ProxyRefused'));
    for (const port of [2060, 2061]) expect(await sendToPort(port)).toEqual(refused('AddressBusy'));
    expect(proxy.asked).toHaveLength(60);
  });

  it('asks for an allowed host by its name, which the proxy knows', async () => {
    expect(await sendTo('https://inner/x')).toMatchObject({ outcome: 'delivered' });
    expect(proxy.asked).toEqual(['inner:443']);
  });

  it('does not let NO_PROXY open what is not public', async () => {
    await transport.close();
    await open({ NO_PROXY: 'private.example.org,10.0.0.0/8' });
    expect(await sendTo('https://private.example.org/x')).toEqual(refused('AddressNotPublic'));
    expect(proxy.asked).toEqual([]);
  });

  it('tells a proxy that does not lead there from a server that does not answer', async () => {
    leadsTo = () => false;
    expect(await sendTo('https://push.example.org/x')).toEqual(refused('ProxyRefused'));
  });
});
