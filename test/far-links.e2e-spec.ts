import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { type SwarmNetwork, startSwarmNetwork } from '../gateways/swarm/network.js';
import { AlertHook } from './support/alert-hook.js';
import { runCommand } from './support/command-line.js';
import { mysqlDatabases } from './support/databases.js';
import { eventually } from './support/eventually.js';
import { FarDoor } from './support/far-door.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { newAndroidToken, newData, newHuaweiToken, newId, newIosToken } from './support/people.js';
import { PhoneWithoutGoogle } from './support/phone-without-google.js';
import { createRedisDatabase } from './support/redis-databases.js';
import { inFolder, spawnServer } from './support/spawned-server.js';
import { newSessionId, subscribeRequest } from './support/subscribing-phone.js';

/** Everything that is told by a name is a second away, and has another address that leads nowhere. */
const NAMES = { NODE_OPTIONS: `--import=${join(import.meta.dirname, 'support/two-addresses.mjs')}` };

const portOf = (url: string): number => Number(new URL(url).port);
const byName = (url: string): string => url.replace('127.0.0.1', 'localhost');

const hasServers = inject('redisUrl') !== null && inject('mysqlUrl') !== null;

describe.skipIf(!hasServers)('a host with two addresses at the end of a slow link', () => {
  const databases = mysqlDatabases();
  let gateways: TestGateways;
  let network: SwarmNetwork;
  let hook: AlertHook;
  let doors: FarDoor[];
  let env: Record<string, string>;
  beforeAll(async () => {
    gateways = await startGateways();
    network = await startSwarmNetwork();
    hook = await AlertHook.start();
    const { tcp, curve, http } = network.oxend.sources;
    env = {
      ...NAMES,
      ...gateways.environment,
      DATABASE_URL: byName(await databases.create()),
      REDIS_URL: byName(await createRedisDatabase()),
      ALERT_WEBHOOK_URL: byName(hook.url),
      NODE_LIST: [tcp, curve, http].map(byName).join(','),
    };
    const services = gateways.all.map(({ url }) => url);
    const urls = [...services, env['DATABASE_URL'], env['REDIS_URL'], hook.url, tcp, curve, http];
    doors = await Promise.all(urls.map((url) => FarDoor.open(portOf(url ?? ''))));
  });
  afterEach(() => gateways.reset());
  afterAll(async () => {
    await Promise.all(doors.map((door) => door.close()));
    await Promise.all([gateways.close(), network.close(), hook.close()]);
  });

  it('is reached by each kind of connection that check makes', async () => {
    await inFolder(async (folder) => {
      await runCommand(['keygen'], { folder });
      await runCommand(['migrate'], { folder, env });
      const { stdout } = await runCommand(['check', '--json'], { folder, env });
      const { checks } = JSON.parse(stdout) as { checks: { name: string; status: string }[] };
      const status = Object.fromEntries(checks.map((check) => [check.name, check.status]));
      const { tcp, curve, http } = network.oxend.sources;
      const sources = [tcp, curve, http].map((url) => `source ${byName(url).replace(/(:\d+)\/.*/, '$1')}`);
      for (const name of ['database', 'redis', 'alerts', 'apns service', 'fcm service', 'huawei service', ...sources]) {
        expect({ name, status: status[name] }).toEqual({ name, status: 'ok' });
      }
    });
  });

  it('is reached by the server with pushes, Web Push and alerts', async () => {
    await inFolder(async (folder) => {
      const { process, onion } = await spawnServer(env, folder);
      for (const [device, token] of [
        ['ios', newIosToken()],
        ['android', newAndroidToken()],
        ['huawei', newHuaweiToken()],
      ]) {
        const id = newId();
        await onion.send('register', { token: token ?? '', pubKey: id, device: device ?? '' });
        await onion.send('notify', { data: newData(), send_to: id });
      }
      const { body } = await onion.ask('/services', {});
      const phone = new PhoneWithoutGoogle(gateways.webpush, (body as { vapid: string }).vapid);
      const account = newSessionId();
      const subscribed = await onion.ask('/subscribe', subscribeRequest(account, phone.wishes));
      expect(subscribed.body).toMatchObject({ success: true });
      const watched = (): number =>
        network.nodes.filter(({ subscriptions }) => subscriptions.accounts.length > 0).length;
      await eventually(() => expect(watched()).toBe(3));
      await network.store(Buffer.from(account.id, 'hex'), 0, Buffer.from('hello'));
      for (const gateway of gateways.all) await gateway.waitForPush(1, 20_000);
      expect(phone.texts).toEqual(['hello']);
      await process.stop();
    });
  });
});
