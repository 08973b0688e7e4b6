import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type SwarmNetwork, startSwarmNetwork } from '../gateways/swarm/network.js';
import { AlertHook } from './support/alert-hook.js';
import { runCommand } from './support/command-line.js';
import { ConnectProxy } from './support/connect-proxy.js';
import { eventually } from './support/eventually.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { newAndroidToken, newData, newHuaweiToken, newId, newIosToken } from './support/people.js';
import { PhoneWithoutGoogle } from './support/phone-without-google.js';
import { startTinyproxy, TINYPROXY } from './support/tinyproxy.js';
import { inFolder, spawnServer } from './support/spawned-server.js';
import { newSessionId, subscribeRequest } from './support/subscribing-phone.js';

if (TINYPROXY === null)
  console.warn('tinyproxy is not installed, its test is skipped; to run it: apt-get install tinyproxy');

const authorityOf = (url: string): string => new URL(url).host;

describe('with HTTPS_PROXY', () => {
  let gateways: TestGateways;
  let network: SwarmNetwork;
  let hook: AlertHook;
  let proxy: ConnectProxy;
  let secure: ConnectProxy;
  const login = 'me:p%40ss';

  beforeAll(async () => {
    gateways = await startGateways();
    const { server: identity } = gateways.credentials;
    network = await startSwarmNetwork({ identity });
    hook = await AlertHook.start('ntfy', identity);
    proxy = await ConnectProxy.start({ login });
    secure = await ConnectProxy.start({ login, identity });
  });
  afterEach(async () => {
    await gateways.reset();
    proxy.asked.length = 0;
    secure.asked.length = 0;
  });
  afterAll(async () => {
    await Promise.all([gateways.close(), network.close(), hook.close(), proxy.close(), secure.close()]);
  });

  /** What `check` and the server are told; the authority of the stand-ins is everybody's. */
  const environment = (through: { url: string }): Record<string, string> => ({
    ...gateways.environment,
    NODE_EXTRA_CA_CERTS: gateways.files.caFile,
    NODE_LIST: `${network.oxend.sources.http},${network.oxend.sources.tcp}`,
    NODE_LIST_CA_FILE: gateways.files.caFile,
    ALERT_WEBHOOK_URL: hook.url,
    ALERT_WEBHOOK_FORMAT: 'ntfy',
    HTTPS_PROXY: through.url,
  });

  const services = (): string[] => [gateways.apns.url, gateways.fcm.url, gateways.huawei.url].map(authorityOf);

  async function check(env: Record<string, string>): Promise<Record<string, string>> {
    return inFolder(async (folder) => {
      const { stdout } = await runCommand(['check', '--json'], { folder, env });
      const { checks } = JSON.parse(stdout) as { checks: { name: string; status: string; detail: string }[] };
      return Object.fromEntries(checks.map(({ name, status, detail }) => [name, `${status}: ${detail}`]));
    });
  }

  it.each(['http', 'https'])('everything of https goes through a proxy of %s', async (protocol) => {
    const through = protocol === 'http' ? proxy : secure;
    const lines = await check(environment(through));
    const { http } = network.oxend.sources;
    for (const name of ['apns service', 'fcm service', 'huawei service', `source ${new URL(http).origin}`, 'alerts']) {
      expect({ name, line: lines[name] }).toEqual({ name, line: expect.stringMatching(/^ok: /) });
    }
    const asked = [...services(), authorityOf(http), authorityOf(hook.url)];
    // FCM and Huawei have tokens of their own, from the same stand-in.
    expect([...new Set(through.asked)].toSorted()).toEqual(asked.toSorted());
    const connections = gateways.apns.counts.connections + gateways.fcm.counts.connections;
    const led = through.asked.filter((authority) => services().slice(0, 2).includes(authority));
    expect(led).toHaveLength(connections);
  });

  it.skipIf(TINYPROXY === null)('everything of https goes through tinyproxy, which others wrote', async () => {
    const tinyproxy = await startTinyproxy(TINYPROXY ?? '');
    try {
      const lines = await check(environment(tinyproxy));
      const { http } = network.oxend.sources;
      for (const name of [
        'apns service',
        'fcm service',
        'huawei service',
        `source ${new URL(http).origin}`,
        'alerts',
      ]) {
        expect({ name, line: lines[name] }).toEqual({ name, line: expect.stringMatching(/^ok: /) });
      }
      const asked = [...services(), authorityOf(http), authorityOf(hook.url)];
      expect([...new Set(tinyproxy.asked())].toSorted()).toEqual(asked.toSorted());
      const wrong = await check({ ...environment(tinyproxy), HTTPS_PROXY: tinyproxy.url.replace('secret', 'wrong') });
      expect(wrong['fcm service']).toMatch(/^failed: .*\(ProxyLogin\)/);
    } finally {
      await tinyproxy.stop();
    }
  });

  it('a wrong password, or a proxy that is not there, is said in so many words', async () => {
    const wrong = { ...environment(proxy), HTTPS_PROXY: proxy.url.replace(login, 'me:wrong') };
    const lines = await check(wrong);
    expect(lines['apns service']).toMatch(/^failed: .*\(ProxyLogin\): check user and password in HTTPS_PROXY/);
    expect(lines['alerts']).toMatch(/^failed: .*\(ProxyLogin\)/);
    const away = await check({ ...environment(proxy), HTTPS_PROXY: 'http://127.0.0.1:1' });
    expect(away['fcm service']).toMatch(/^failed: .*\(ProxyFailed\): check HTTPS_PROXY/);
  });

  it('the hosts of NO_PROXY are reached without', async () => {
    const lines = await check({ ...environment(proxy), NO_PROXY: `localhost:${new URL(gateways.fcm.url).port}` });
    expect(lines['fcm service']).toMatch(/^ok: /);
    expect(proxy.asked).not.toContain(authorityOf(gateways.fcm.url));
    expect(proxy.asked).toContain(authorityOf(gateways.apns.url));
  });

  it('the server pushes through it, Web Push too, and says so when it starts', async () => {
    await inFolder(async (folder) => {
      const file = join(folder, 'proxy-url');
      writeFileSync(file, `${proxy.url}\n`);
      const env = { ...environment(proxy), HTTPS_PROXY: '', HTTPS_PROXY_FILE: file };
      const { process, onion } = await spawnServer(env, folder);
      const started = await process.waitForLine('listening');
      expect(started['proxy']).toBe(proxy.url.replace(`${login}@`, ''));
      for (const [device, token] of [
        ['ios', newIosToken()],
        ['android', newAndroidToken()],
        ['huawei', newHuaweiToken()],
      ] as const) {
        const id = newId();
        await onion.send('register', { token, pubKey: id, device });
        await onion.send('notify', { data: newData(), send_to: id });
      }
      const { body } = await onion.ask('/services', {});
      const phone = new PhoneWithoutGoogle(gateways.webpush, (body as { vapid: string }).vapid);
      const account = newSessionId();
      await onion.ask('/subscribe', subscribeRequest(account, phone.wishes));
      const watched = () => network.nodes.filter(({ subscriptions }) => subscriptions.accounts.length > 0);
      await eventually(() => expect(watched()).toHaveLength(3));
      await network.store(Buffer.from(account.id, 'hex'), 0, Buffer.from('hello'));
      for (const gateway of gateways.all) await gateway.waitForPush(1, 20_000);
      expect(phone.texts).toEqual(['hello']);
      for (const gateway of gateways.all) {
        const led = proxy.asked.filter((authority) => authority === authorityOf(gateway.url));
        expect(led).toHaveLength(gateway.counts.connections);
      }
      const { stdout, stderr } = await process.stop();
      expect(stdout + stderr).not.toMatch(/p@ss|p%40ss/);
    });
  });
});
