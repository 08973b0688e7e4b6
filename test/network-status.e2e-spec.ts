import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type SwarmNetwork, startSwarmNetwork } from '../gateways/swarm/network.js';
import { type ServerStatus } from '../src/dashboard/dto/server-status.dto.js';
import { type HealthReport } from '../src/health/health.service.js';
import { AlertHook } from './support/alert-hook.js';
import { describeOneDatabase } from './support/databases.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { Metrics, OPERATOR_AUTH } from './support/metrics.js';
import { accountOf, type NetworkPhone, subscribePhones, untilWatched } from './support/network-phones.js';
import { newSessionId, nowSeconds, subscribeRequest, unsubscribeRequest } from './support/subscribing-phone.js';
import { TestServer } from './support/test-server.js';

const PHONES = 12;
const PATIENCE = { timeout: 40_000, interval: 100 };
/** As many as no honest node sends. */
const OFFENCES = 50;

describeOneDatabase('how the storage network is watched', (databases) => {
  let hook: AlertHook;
  let gateways: TestGateways;
  let network: SwarmNetwork;
  let server: TestServer;
  let folder: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'spns-network-'));
    hook = await AlertHook.start();
    gateways = await startGateways();
    network = await startSwarmNetwork();
  });
  afterEach(async () => {
    await server.close();
    await Promise.all([gateways.close(), network.close()]);
    await hook.close();
    rmSync(folder, { recursive: true });
  });

  const start = async () => {
    server = await TestServer.start({
      database: await databases.create(),
      gateways,
      watch: { countMs: [200, 1000] },
      networkAlerts: { badAfterMs: { coverage: 2500, list: 0, sources: 100 }, goodAfterMs: 100 },
      env: { ...network.environment, NODE_LIST_FILE: join(folder, 'node-list.json'), ALERT_WEBHOOK_URL: hook.url },
    });
  };
  const ask = (path: string, headers: Record<string, string> = { authorization: OPERATOR_AUTH }) =>
    fetch(`${server.url}${path}`, { headers });
  /** The report is kept for a second. */
  const health = async () => {
    const answer = await ask('/health/ready');
    const { network: report, status } = (await answer.json()) as HealthReport;
    return { code: answer.status, status, network: report };
  };
  const figures = async () => ((await (await ask('/statistics/status')).json()) as ServerStatus).network;
  const alertsOf = (...kinds: string[]) => hook.messages.filter(({ kind }) => kinds.includes(String(kind)));
  const watchedPhones = async (): Promise<NetworkPhone[]> => {
    const phones = await subscribePhones(server.onion, network, PHONES);
    await untilWatched(network, phones);
    await expect.poll(async () => (await figures())?.accounts.full, PATIENCE).toBe(PHONES);
    return phones;
  };

  it('is said in /health/ready, on the statistics page and in metrics, as figures without people', async () => {
    await start();
    const phones = await watchedPhones();
    const [phone] = phones as [NetworkPhone];
    await network.store(accountOf(phone), 0, Buffer.from('hello'));
    await network.store(accountOf(phone), 0, Buffer.alloc(5000, 'x'));
    await gateways.fcm.waitForPush(2);
    await expect.poll(async () => (await figures())?.reports.copies, PATIENCE).toBe(4);
    expect(await figures()).toEqual({
      nodes: { known: 9, wanted: 9, connected: 9, failing: 0, aside: 0 },
      swarms: { known: 3, used: 3, uncounted: 0 },
      accounts: { full: PHONES, partial: 0, none: 0 },
      reports: { perSecond: expect.any(Number), taken: 2, copies: 4, late: 0, tooBig: 1, others: 0 },
      list: { ageSeconds: expect.any(Number), origin: 'source' },
    });
    const metrics = await Metrics.read(server);
    expect(metrics.value('session_push_watched_accounts', { coverage: 'full' })).toBe(PHONES);
    expect(metrics.value('session_push_network_nodes', { state: 'connected' })).toBe(9);
    expect(metrics.value('session_push_reports_total', { outcome: 'copy' })).toBe(4);
    expect(metrics.value('session_push_watch_answers_total', { result: 'watched' })).toBeGreaterThanOrEqual(3 * PHONES);
    expect(metrics.value('session_push_node_list_age_seconds')).toBeLessThan(60);
    await expect.poll(health, PATIENCE).toEqual({ code: 200, status: 'ok', network: { status: 'ok' } });
    const said = [metrics.text, JSON.stringify(await health()), JSON.stringify(await figures())].join();
    for (const { account, token } of phones)
      for (const secret of [account.id, token]) expect(said).not.toContain(secret);
  });

  it('counts accounts, however many phones they have and how often these subscribe', async () => {
    await start();
    await watchedPhones();
    const [account, sigTs] = [newSessionId(), nowSeconds() - 10];
    const phones = [0, 1].map((later) => subscribeRequest(account, { sigTs: sigTs + later }));
    const accounts = async () => (await figures())?.accounts;
    const counted = (full: number) => ({ full, partial: 0, none: 0 });
    const subscribe = async () => {
      for (const phone of phones) await server.onion.ask('/subscribe', [phone]);
    };
    const unsubscribe = (place: 0 | 1) => {
      const wishes = { sigTs: sigTs + 5, token: phones[place]?.service_info.token };
      return server.onion.ask('/unsubscribe', [unsubscribeRequest(account, wishes)]);
    };
    await subscribe();
    await expect.poll(accounts, PATIENCE).toEqual(counted(PHONES + 1));
    await subscribe();
    await sleep(2500);
    expect(await accounts()).toEqual(counted(PHONES + 1));
    await unsubscribe(0);
    await sleep(2500);
    expect(await accounts()).toEqual(counted(PHONES + 1));
    await unsubscribe(1);
    await expect.poll(accounts, PATIENCE).toEqual(counted(PHONES));
  });

  it('is not ready while there is no list of nodes, and tells strangers no more than that', async () => {
    network.oxend.trouble = 'fails';
    await start();
    expect(await health()).toMatchObject({
      code: 503,
      status: 'error',
      network: { status: 'error', problem: expect.stringContaining('the list of storage nodes is not known yet') },
    });
    const stranger = await ask('/health/ready', {});
    expect([stranger.status, await stranger.json()]).toEqual([503, { status: 'error' }]);
    network.oxend.trouble = undefined;
    network.newBlock();
    await expect.poll(health, PATIENCE).toMatchObject({ code: 200, status: 'ok' });
  });

  it('is degraded and told when a swarm has no node left, not ready when none is left, and all is well again by itself', async () => {
    await start();
    const [phone] = (await watchedPhones()) as [NetworkPhone];
    const proxies = network.membersOf(accountOf(phone)).map(({ proxy }) => proxy);
    for (const proxy of proxies) await proxy.be('refuse');
    await expect.poll(health, PATIENCE).toMatchObject({
      code: 200,
      status: 'degraded',
      network: { status: 'degraded', problem: expect.stringMatching(/^\d+(\.\d)? % of the accounts are watched$/) },
    });
    expect((await figures())?.accounts.none).toBeGreaterThan(0);
    await expect.poll(() => alertsOf('coverage-low'), PATIENCE).toHaveLength(1);
    for (const { proxy } of network.members) await proxy.be('refuse');
    await expect.poll(health, PATIENCE).toMatchObject({ code: 503, status: 'error', network: { status: 'error' } });
    for (const { proxy } of network.members) await proxy.be('pass');
    await expect.poll(health, PATIENCE).toMatchObject({ code: 200, network: { status: 'ok' } });
    await expect
      .poll(() => alertsOf('coverage-low', 'coverage-restored').map(({ kind }) => kind), PATIENCE)
      .toEqual(['coverage-low', 'coverage-restored']);
  });

  it('tells when all sources of the list fail, and when one answers again', async () => {
    await start();
    await expect.poll(health, PATIENCE).toMatchObject({ code: 200 });
    network.oxend.trouble = 'fails';
    network.newBlock();
    await expect.poll(() => alertsOf('node-sources-fail'), PATIENCE).toHaveLength(1);
    expect(alertsOf('node-sources-fail')[0]?.text).toMatch(
      /No source gives the list of storage nodes \(.*: .*\)\. What to do/,
    );
    network.oxend.trouble = undefined;
    network.newBlock();
    await expect.poll(() => alertsOf('node-sources-answer'), PATIENCE).toHaveLength(1);
  });

  it('names a node that misbehaves by its key, once, and nobody else', async () => {
    await start();
    const [phone] = (await watchedPhones()) as [NetworkPhone];
    const [bad, good] = network.membersOf(accountOf(phone)).map(({ node }) => node);
    for (let sent = 0; sent < OFFENCES; sent++) await bad?.say('notify.message', 'nonsense');
    await expect.poll(() => alertsOf('node-set-aside'), PATIENCE).toHaveLength(1);
    const key = bad?.keys.x25519.toString('hex') ?? '';
    expect(alertsOf('node-set-aside')).toMatchObject([
      {
        severity: 'warning',
        details: { node: key, reason: 'malformed', minutes: 60 },
        text: expect.stringContaining(key),
      },
    ]);
    expect(await figures()).toMatchObject({ nodes: { wanted: 8, aside: 1 }, reports: { others: OFFENCES } });
    expect((await Metrics.read(server)).value('session_push_nodes_set_aside_total')).toBe(1);
    const said = JSON.stringify(hook.messages);
    for (const secret of [good?.keys.x25519.toString('hex') ?? '', phone.account.id, phone.token])
      expect(said).not.toContain(secret);
  });
});
