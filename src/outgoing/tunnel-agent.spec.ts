import { once } from 'node:events';
import { createServer, request } from 'node:https';
import { type AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Authority, makeAuthority } from '../../gateways/certificates.js';
import { ConnectProxy, type ConnectProxyOptions } from '../../test/support/connect-proxy.js';
import { type AppConfig, parseConfig } from '../config/app-config.js';
import { Outgoing } from './outgoing.js';
import { openTunnel } from './tunnel.js';
import { TunnelAgent } from './tunnel-agent.js';

let authority: Authority;
let server: ReturnType<typeof createServer>;
let connections = 0;
let proxy: ConnectProxy;

beforeAll(async () => {
  authority = await makeAuthority();
  const { cert, key } = await authority.issueServer({ names: ['push.example.org', 'localhost'] });
  server = createServer({ cert, key, keepAlive: true }, (incoming, response) => void incoming.pipe(response));
  server.on('connection', () => connections++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => proxy.close());
afterAll(() => void server.close());

const port = (): number => (server.address() as AddressInfo).port;

/** What the configuration makes of a proxy. */
function outgoing(env: Record<string, string>): Outgoing {
  const config: AppConfig = parseConfig(env);
  return new Outgoing(config.proxy);
}

const open = async (options: ConnectProxyOptions = {}): Promise<void> =>
  void (proxy = await ConnectProxy.start(options));

function agentThrough(
  env: Record<string, string> = {},
  more: { ca?: string; tunnelTimeoutMs?: number } = {},
): TunnelAgent {
  const to = outgoing({ HTTPS_PROXY: proxy.url, ...env });
  return new TunnelAgent({ outgoing: to, tunnelTimeoutMs: 2000, ca: authority.cert, keepAlive: true, ...more });
}

/** Posts, and returns the body that comes back; rejects with the error of the socket. */
function post(agent: TunnelAgent, host: string, body = 'hello'): Promise<string> {
  return new Promise((resolve, reject) => {
    const sending = request({ method: 'POST', host, port: port(), agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(Buffer.concat(chunks).toString()));
    });
    sending.on('error', reject);
    sending.end(body);
  });
}

describe('a proxy', () => {
  it('leads to a host by its name, over one connection for several requests', async () => {
    await open({ route: () => port() });
    const agent = agentThrough();
    expect(await post(agent, 'push.example.org', 'one')).toBe('one');
    expect(await post(agent, 'push.example.org', 'two')).toBe('two');
    expect(proxy.asked).toEqual([`push.example.org:${port()}`]);
    agent.destroy();
  });

  it('that wants a password gets it', async () => {
    await open({ login: 'me:p%40ss%2F', route: () => port() });
    expect(await post(agentThrough(), 'push.example.org')).toBe('hello');
  });

  it('that is spoken with over TLS has to show a certificate', async () => {
    await open({ identity: await authority.issueServer(), route: () => port() });
    // An authority of its own is for NODE_EXTRA_CA_CERTS; without that it is not believed, and nothing is told it.
    await expect(post(agentThrough(), 'push.example.org')).rejects.toMatchObject({ code: 'ProxyFailed' });
    expect(proxy.asked).toEqual([]);
  });

  it('does not stand for the host: that shows its own certificate', async () => {
    await open({ route: () => port() });
    await expect(post(agentThrough(), 'other.example.org')).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    const stranger = await makeAuthority();
    await expect(post(agentThrough({}, { ca: stranger.cert }), 'push.example.org')).rejects.toThrow(/certificate/);
  });

  it('is left out for the hosts of NO_PROXY', async () => {
    await open({ route: () => port() });
    const before = connections;
    expect(await post(agentThrough({ NO_PROXY: 'localhost' }), 'localhost')).toBe('hello');
    expect(proxy.asked).toEqual([]);
    expect(connections).toBe(before + 1);
  });

  it.each<[string, ConnectProxyOptions, string]>([
    ['may not lead there', { route: () => null }, 'ProxyRefused'],
    ['cannot lead there', { route: () => 1 }, 'ProxyFailed'],
  ])('that %s is told apart', async (_what, options, code) => {
    await open(options);
    await expect(post(agentThrough(), 'push.example.org')).rejects.toMatchObject({ code });
  });

  it('that does not know the password is told apart, and neither it nor the address is in the message', async () => {
    await open({ login: 'me:right', route: () => port() });
    const url = proxy.url.replace('right', 'wrong');
    const failing = post(agentThrough({ HTTPS_PROXY: url }), 'push.example.org');
    await expect(failing).rejects.toMatchObject({ code: 'ProxyLogin', message: 'ProxyLogin' });
  });

  it('that says nothing is given up in time', async () => {
    await open();
    proxy.silent = true;
    const began = performance.now();
    const failing = post(agentThrough({}, { tunnelTimeoutMs: 200 }), 'push.example.org');
    await expect(failing).rejects.toMatchObject({ code: 'ProxyFailed' });
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it('that is not there is told apart', async () => {
    await open();
    const agent = agentThrough({ HTTPS_PROXY: 'http://127.0.0.1:1' });
    await expect(post(agent, 'push.example.org')).rejects.toMatchObject({ code: 'ProxyFailed' });
  });

  it('is asked for an address of IPv6 in brackets', async () => {
    await open({ route: () => port() });
    const to = outgoing({ HTTPS_PROXY: proxy.url }).proxyTo('::1', 443);
    if (!to) throw new Error('there is a proxy');
    const socket = await openTunnel(to, '::1', 443, AbortSignal.timeout(2000));
    expect(proxy.asked).toEqual(['[::1]:443']);
    socket.destroy();
  });
});

describe('without a proxy', () => {
  it('an address that is the host itself is asked about like a name’s, although it is never looked up', async () => {
    await open();
    const before = connections;
    const asked: string[] = [];
    const agentThat = (permits: boolean) =>
      new TunnelAgent({
        outgoing: outgoing({}),
        tunnelTimeoutMs: 2000,
        ca: authority.cert,
        addressesOf: async (host) => {
          asked.push(host);
          if (!permits) throw Object.assign(new Error('not there'), { code: 'ENOTTHERE' });
          return [host];
        },
      });
    await expect(post(agentThat(false), '127.0.0.1')).rejects.toMatchObject({ code: 'ENOTTHERE' });
    expect(connections - before).toBe(0);
    // The certificate is of names alone.
    await expect(post(agentThat(true), '127.0.0.1')).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    expect(connections - before).toBe(1);
    expect(await post(agentThat(false), 'localhost')).toBe('hello');
    expect(asked).toEqual(['127.0.0.1', '127.0.0.1']);
  });
});
