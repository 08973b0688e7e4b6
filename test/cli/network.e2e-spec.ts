import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Control, startControl } from '../../gateways/control.js';
import { type SwarmNetwork, startSwarmNetwork } from '../../gateways/swarm/network.js';
import { runCommand } from '../support/command-line.js';
import { startGateways, type TestGateways } from '../support/gateways.js';
import { ReverseProxy } from '../support/reverse-proxy.js';
import { openPush } from '../support/opened-push.js';
import { newAndroidToken } from '../support/people.js';
import { freePort } from '../support/private-server.js';
import { type SpawnedServer, spawnServer } from '../support/spawned-server.js';

describe('the command line and today’s API', () => {
  let folder: string;
  let gateways: TestGateways;
  let network: SwarmNetwork;
  let control: Control;
  let server: SpawnedServer;
  const env = () => ({ DATABASE_URL: 'sqlite:push.sqlite', ...gateways.environment, ...network.environment });
  const run = (args: string[], input?: string) =>
    runCommand(args, { folder, env: env(), ...(input === undefined ? {} : { input }) });
  const send = (args: string[], input?: string) => run(['send', ...args, '--url', server.start.address], input);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'spns-cli-'));
    gateways = await startGateways();
    network = await startSwarmNetwork();
    control = await startControl({ ...gateways, network }, 0);
    server = await spawnServer(env(), folder);
  });
  afterAll(async () => {
    await server.process.stop();
    await Promise.all([gateways.close(), network.close(), control.close()]);
    await rm(folder, { recursive: true, force: true });
  });

  it('subscribes as an app would with a throw-away account, stores a message, and its phone is woken', async () => {
    const token = newAndroidToken();
    const subscription = JSON.stringify({ service: 'firebase', service_info: { token } });
    const subscribed = await send(['subscribe', '-', '--account', 'me.json'], subscription);
    expect({ code: subscribed.code, stderr: subscribed.stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(subscribed.stdout)).toMatchObject({ status: 200, body: { success: true, added: true } });
    await expect
      .poll(() => network.nodes.filter(({ subscriptions }) => subscriptions.accounts.length > 0).length)
      .toBe(3);
    const stored = await send(['store', '{"data":"hello"}', '--account', 'me.json', '--control', control.url]);
    expect({ code: stored.code, stderr: stored.stderr }).toEqual({ code: 0, stderr: '' });
    const [push] = await gateways.fcm.waitForPush(1);
    const { enc_key: key } = JSON.parse(await readFile(join(folder, 'me.json'), 'utf8')) as { enc_key: string };
    const opened = openPush(Buffer.from(key, 'hex'), String(push?.body.message.data?.['enc_payload']));
    expect(opened.data?.toString()).toBe('hello');

    const counted = await run(['subscriptions', 'count', '--json']);
    expect(JSON.parse(counted.stdout)).toMatchObject({ firebase: 1, apns: 0 });
    const unsubscribed = await send(['unsubscribe', '-', '--account', 'me.json'], subscription);
    expect(JSON.parse(unsubscribed.stdout)).toMatchObject({ status: 200, body: { success: true, removed: true } });
  });

  it('prints what a refused item is refused for, and ends with 1', async () => {
    const { code, stdout } = await send(['subscribe', '[{}]']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ status: 200, body: [{ error: 4 }] });
  });

  it('checks each source of the list and greets a node', async () => {
    const { stdout } = await run(['check', '--json']);
    const { checks } = JSON.parse(stdout) as { checks: { name: string; status: string; detail: string }[] };
    expect(checks).toContainEqual(expect.objectContaining({ status: 'ok', detail: '9 nodes in 3 swarms' }));
    expect(checks).toContainEqual({ name: 'storage node', status: 'ok', detail: 'one of the nodes answers' });
  });

  it('says what is wrong with a network that cannot be reached', async () => {
    const { stdout } = await runCommand(['check', '--json'], {
      folder,
      env: { ...env(), NODE_LIST: 'tcp://127.0.0.1:1' },
    });
    const { checks } = JSON.parse(stdout) as { checks: { name: string; status: string; detail: string }[] };
    const failed = checks.filter(({ status }) => status === 'failed').map(({ detail }) => detail);
    expect(failed).toContain('gave no list: unreachable');
  });

  describe('check --full', () => {
    interface Checklist {
      ok: boolean;
      checks: { name: string; status: string; detail: string }[];
      checklist: { item: string; state: string; required: boolean; detail: string }[];
    }
    const extras = () => ({
      NODE_EXTRA_CA_CERTS: gateways.files.caFile,
      BACKUP_DIRECTORY: join(folder, 'copies'),
    });
    const full = async (url: string, changes: Record<string, string> = {}) => {
      const { code, stdout } = await runCommand(['check', '--full', '--json', '--url', url], {
        folder,
        env: { ...env(), ...extras(), ...changes },
      });
      const { ok, checks, checklist } = JSON.parse(stdout) as Checklist;
      const address = checks.find(({ name }) => name === 'public address');
      return { code, ok, checklist, address: `${address?.status}: ${address?.detail}` };
    };
    let front: ReverseProxy;
    beforeAll(async () => {
      front = await ReverseProxy.start(gateways.credentials.server, server.start.address);
    });
    afterAll(() => front.close());

    it('asks the server by its public address as an app does, and what it takes is done', async () => {
      const { code, ok, checklist, address } = await full(front.url);
      expect(address).toMatch(/^ok: .* pushes through apns, apns-sandbox, firebase, huawei, webpush$/);
      expect(front.asked).toEqual(['/oxen/v4/lsrpc']);
      expect({ code, ok }).toEqual({ code: 0, ok: true });
      const missing = checklist.filter(({ state }) => state !== 'done');
      expect(missing.map(({ item, required, detail }) => [item, required, detail])).toEqual([
        ['data key', false, expect.stringMatching(/^set DATA_KEY_FILE/)],
        ['alerts', false, expect.stringMatching(/^set ALERT_WEBHOOK_URL/)],
        ['statistics', false, expect.stringMatching(/^set STATISTICS_USERNAME/)],
      ]);
      expect(checklist.find(({ item }) => item === 'backup')?.detail).toContain(join(folder, 'copies'));
    });

    it('says that the running server has other settings than these', async () => {
      const { code, address, checklist } = await full(front.url, { HUAWEI_APP_ID: '', HUAWEI_APP_SECRET: '' });
      expect(code).toBe(1);
      expect(address).toMatch(/^failed: .*apns-sandbox, firebase, huawei, webpush, but these settings say/);
      expect(checklist).toContainEqual(
        expect.objectContaining({
          item: 'HMS, for Huawei',
          state: 'missing',
          detail: 'set HUAWEI_APP_ID and HUAWEI_APP_SECRET_FILE',
        }),
      );
    });

    it.each<[string, () => string | Promise<string>, Record<string, string>, RegExp]>([
      ['a certificate that nobody trusts', () => front.url, { NODE_EXTRA_CA_CERTS: '' }, /certificate .* trust/],
      ['an address without TLS', () => server.start.address, {}, /answers .* by https only$/],
      [
        'an address at which nobody listens',
        async () => `https://localhost:${await freePort()}`,
        {},
        /does not answer \(ECONNREFUSED\)/,
      ],
    ])('fails on %s', async (_name, url, changes, problem) => {
      const { code, address } = await full(await url(), changes);
      expect(code).toBe(1);
      expect(address).toMatch(/^failed: /);
      expect(address).toMatch(problem);
    });
  });
});
