import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { apnsError } from '../gateways/apns.answers.js';
import { fcmErrors } from '../gateways/fcm.answers.js';
import { type Fault } from '../gateways/faults.js';
import { huaweiAnswer } from '../gateways/huawei.answers.js';
import { type Answer } from '../gateways/messages.js';
import { startSwarmNetwork } from '../gateways/swarm/network.js';
import { WebPushPhone, type WebPushSubscription } from '../gateways/webpush.phone.js';
import { DeliveryStatus } from '../src/delivery/status/delivery-status.js';
import { ServersWatch } from '../src/delivery/status/servers-watch.js';
import { type JsonObject } from '../src/encoding/json.js';
import { ONION_PATHS } from '../src/onion/protocol/onion-client.js';
import { AlertHook } from './support/alert-hook.js';
import { describeEachDatabase } from './support/databases.js';
import { DnsServer } from './support/dns-server.js';
import { EavesdroppedClient } from './support/eavesdropped-client.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { malformedBodies } from './support/malformed-bodies.js';
import { Metrics } from './support/metrics.js';
import { newAndroidToken, newData, newHuaweiToken, newId, newIosToken } from './support/people.js';
import { query } from './support/query.js';
import { rawBytes } from './support/raw-storage.js';
import {
  type Account,
  newGroup,
  newMember,
  newSessionId,
  subscribeRequest,
  type SubscribeRequest,
  unsubscribeRequest,
} from './support/subscribing-phone.js';
import { inFolder, spawnServer } from './support/spawned-server.js';
import { TestServer } from './support/test-server.js';

const PATIENCE = { timeout: 30_000, interval: 20 };

const COMMANDS = [
  'register',
  'unregister',
  'register_legacy_groups_only',
  'subscribe_closed_group',
  'unsubscribe_closed_group',
  'notify',
];

const PHONES = {
  apns: [newIosToken, 'ios'],
  fcm: [newAndroidToken, 'android'],
  huawei: [newHuaweiToken, 'huawei'],
} as const;

describeEachDatabase('the output of a server at level trace', (databases) => {
  let gateways: TestGateways;
  beforeAll(async () => {
    gateways = await startGateways();
  });
  afterAll(() => gateways.close());

  it('holds no id, token, payload, key or address, whatever happens (fix 15)', { timeout: 180_000 }, async () => {
    await inFolder(async (folder) => {
      const database = await databases.create();
      const password = 'the-password-of-statistics';
      const env = {
        ...gateways.environment,
        DATABASE_URL: database,
        LOG_LEVEL: 'trace',
        NODE_LIST: 'tcp://127.0.0.1:1',
        STATISTICS_USERNAME: 'operator',
        STATISTICS_PASSWORD: password,
      };
      const { process, start } = await spawnServer(env, folder);
      const client = new EavesdroppedClient(start.address, start.publicKey);

      await everyCommand(client);
      await everySubscription(client);
      await everyRefusal(client);
      await everyPushFailure(client, gateways);
      await databaseFailure(client, database);
      await otherRequests(client, password);
      await process.waitForLine('removed dead tokens', 15_000);
      const { code, stdout, stderr } = await process.stop();

      expect(code).toBe(0);
      expect(stderr).toBe('');
      // It did say something about what happened.
      for (const text of [
        'an onion command failed',
        'provider is unhealthy',
        'removed dead tokens',
        '"msg":"stopped"',
      ]) {
        expect(stdout).toContain(text);
      }
      for (const secret of secretsOf(folder, gateways, database)) client.remember(secret);
      client.remember(password);
      const newest = newId();
      client.remember(newest);
      expect(client.told.size).toBeGreaterThan(100);
      expect(client.foundIn(`a log line with ${newest} in it`)).toEqual([newest]);
      expect(client.foundIn(stdout + stderr)).toEqual([]);
    });
  });
});

describeEachDatabase('what phones without Google tell a server with a data key', (databases) => {
  const folder = mkdtempSync(join(tmpdir(), 'spns-privacy-'));
  const parts: { close(): Promise<unknown> }[] = [];
  const opened = <Part extends { close(): Promise<unknown> }>(part: Part): Part => {
    parts.unshift(part);
    return part;
  };
  afterAll(async () => {
    for (const part of parts) await part.close();
    rmSync(folder, { recursive: true });
  });

  it('is neither in its log and metrics, nor in alerts, nor in the files of its database', async () => {
    const database = await databases.create();
    const gateways = opened(await startGateways());
    const network = opened(await startSwarmNetwork({ swarms: 1 }));
    const hook = opened(await AlertHook.start());
    const dns = opened(await DnsServer.start(() => []));
    const server = opened(
      await TestServer.start({
        database,
        gateways,
        env: { ...network.environment, ALERT_WEBHOOK_URL: hook.url, DATA_KEY_FILE: join(folder, 'data.key') },
        tuning: { serversFailAfterMs: 0 },
        transports: { webpush: { dnsServers: [dns.address], pauseMs: 100, longestPauseMs: 200 } },
      }),
    );
    const { applicationServerKey } = gateways.credentials.vapidKey;
    const [account, bystander] = [newSessionId(), newSessionId()];
    const at = (origin: string): WebPushSubscription =>
      new WebPushPhone().subscription(`${origin}/push/${randomBytes(20).toString('base64url')}`);
    const subscribe = async (of: Account, infos: readonly object[]): Promise<unknown> => {
      const requests = infos.map((serviceInfo) => subscribeRequest(of, { service: 'webpush', serviceInfo }));
      return (await server.onion.ask('/subscribe', requests)).body;
    };

    // One phone is reached, one gave its endpoint up, one's server refuses it, and those of many others cannot be found.
    const [reached, gone, refused] = [1, 2, 3].map(() => gateways.webpush.subscribe(applicationServerKey));
    if (!reached || !gone || !refused) throw new Error('there are no phones');
    const away = Array.from({ length: 8 }, () => at(`https://up-${randomBytes(8).toString('hex')}.example.org`));
    const gossip = randomBytes(20).toString('base64url');
    gateways.webpush.mark(gone.endpoint, 'gone');
    const answer: Answer = { status: 400, body: gossip, headers: { 'x-gossip': gossip } };
    gateways.webpush.faults.forToken(refused.endpoint, { kind: 'answer', answer });
    const known = [reached, gone, refused, ...away];
    expect(await subscribe(account, known)).toEqual(known.map(() => expect.objectContaining({ added: true })));
    const wrong = [
      at('http://push-of-somebody.example.org'),
      at('https://169.254.169.254'),
      at('https://push-of-somebody.example.org:25'),
      at('https://somebody:password@push-of-somebody.example.org'),
      { ...at('https://push-of-somebody.example.org'), p256dh: randomBytes(65).toString('base64url') },
      { ...at('https://push-of-somebody.example.org'), auth: randomBytes(40).toString('base64url') },
    ];
    expect(await subscribe(bystander, wrong)).toEqual(wrong.map(() => expect.objectContaining({ error: 1 })));

    const bytes = Buffer.from(account.id, 'hex');
    const isWatched = () => network.membersOf(bytes).every(({ node }) => node.subscriptions.of(bytes).length > 0);
    await vi.waitUntil(isWatched, PATIENCE);
    const servers = () => server.app.get(DeliveryStatus).providers().at(-1)?.servers;
    for (let sent = 0; sent < 3; sent++) await network.store(bytes, 0, Buffer.from(`hello ${sent}`));
    await gateways.webpush.waitForPush(({ token }) => token === reached.endpoint, PATIENCE.timeout);
    await vi.waitUntil(() => servers()?.failing === away.length, PATIENCE);
    await server.app.get(ServersWatch).look();
    await hook.waitFor(1, PATIENCE.timeout);
    await vi.waitUntil(() => server.log.find('removed dead tokens').length > 0, PATIENCE);

    const metrics = await Metrics.read(server);
    for (const reason of ['NameFailed', 'Http410', 'Http400']) {
      expect(metrics.value('session_push_pushes_total', { provider: 'webpush', reason })).toBeGreaterThan(0);
    }
    expect(metrics.value('session_push_servers_failing', { provider: 'webpush' })).toBe(away.length);
    expect(hook.kinds).toEqual(['servers-fail']);
    // Those that are away wait in the queue.
    expect(await server.queued()).not.toEqual([]);
    const places = {
      log: server.log.lines.join('\n'),
      metrics: metrics.text,
      alerts: JSON.stringify(hook.requests),
      database: (await rawBytes(database)).toString('latin1'),
    };
    const told = [...known, ...wrong].flatMap(secretsOfPhone);
    const signatures = gateways.webpush.requests.flatMap(
      ({ headers }) => /\.([\w-]{40,}), k=/.exec(headers['authorization'] ?? '')?.[1] ?? [],
    );
    expect(signatures).not.toEqual([]);
    const secrets = [...told, ...signatures, gossip, new URL(gateways.webpush.url).host, 'push-of-somebody'];
    expect(secrets.length).toBeGreaterThan(70);
    for (const [place, text] of Object.entries(places)) {
      expect({ place, found: secrets.filter((secret) => text.includes(secret)) }).toEqual({ place, found: [] });
    }
  });
});

/** Whatever of an endpoint and its keys tells one phone from another, as text and as bytes. */
function secretsOfPhone({ endpoint, p256dh, auth }: WebPushSubscription): string[] {
  const { hostname, pathname } = new URL(endpoint);
  const keys = [p256dh, auth].flatMap((key) => [key, Buffer.from(key, 'base64url').toString('latin1')]);
  return [endpoint, pathname.slice(1), ...keys, ...(hostname.startsWith('up-') ? [hostname] : [])];
}

async function everyCommand(client: EavesdroppedClient): Promise<void> {
  for (const version of ['v2', 'v4'] as const) {
    const [pubKey, group, token, data] = [newId(), newId(), newIosToken(), newData()];
    const args = { pubKey, token, closedGroupPublicKey: group, legacyGroupPublicKeys: [group], send_to: pubKey, data };
    for (const command of COMMANDS) await client.send(command, args, { version });
    for (const command of COMMANDS.toReversed()) await client.send(command, args, { version });
    await client.send('notify', { send_to: newId(), data: newData() }, { version });
  }
}

/** What is subscribed, ended, refused item by item, and what is not understood at all. */
async function everySubscription(client: EavesdroppedClient): Promise<void> {
  const group = newGroup();
  const requests = [newSessionId(), group, newMember(group)].map((account) => {
    const token = newAndroidToken();
    return [subscribeRequest(account, { token }), unsubscribeRequest(account, { token })] as const;
  });
  const subscribing = requests.map(([subscribe]) => subscribe);
  expect(await client.ask('subscribe', subscribing)).toMatchObject({ status: 200, body: [{ added: true }, {}, {}] });
  await client.ask('subscribe', subscribing);
  for (const [, unsubscribe] of requests) await client.ask('unsubscribe', unsubscribe);
  await client.ask('subscribe', subscribing);
  for (const request of subscribing) await everyWrongItem(client, request);
  for (const body of [`not JSON ${newId()}`, JSON.stringify(newId()), JSON.stringify([newId()])]) {
    await client.ask('subscribe', body);
  }
  await client.ask('services', { secret: newId() });
}

async function everyWrongItem(client: EavesdroppedClient, request: SubscribeRequest): Promise<void> {
  const wrong = [undefined, newId(), newId().repeat(30), [newId()], { token: newId().repeat(20) }, 7];
  const items = Object.keys(request).flatMap((key) => wrong.map((value) => ({ ...request, [key]: value })));
  for (const command of ['subscribe', 'unsubscribe']) await client.ask(command, items);
}

async function everyRefusal(client: EavesdroppedClient): Promise<void> {
  const bad = [{}, { secret: newId() }, [newId()], `${newId()} ${newId()}`, `${newId()}\n`, newId().repeat(20), 7];
  for (const version of ['v2', 'v4'] as const) {
    for (const command of COMMANDS) {
      for (const value of bad) {
        const good = {
          token: newIosToken(),
          pubKey: newId(),
          closedGroupPublicKey: newId(),
          send_to: newId(),
          data: newData(),
        };
        for (const name of [...Object.keys(good), 'device', 'legacyGroupPublicKeys']) {
          await client.send(command, { ...good, [name]: value }, { version });
        }
      }
      await client.send(command, `not JSON ${newId()}`, { version });
    }
    const unknown = newId();
    client.remember(unknown);
    await client.send(unknown, {}, { version });
    for (const { body } of malformedBodies(version, client.serverPublicKey))
      await client.post(ONION_PATHS[version], body);
    await client.post(ONION_PATHS[version], Buffer.alloc(1024 * 1024 + 1));
  }
}

/** One device for each way to fail, so that none waits for the retry of another. */
async function everyPushFailure(client: EavesdroppedClient, gateways: TestGateways): Promise<void> {
  const waiting: string[] = [];
  const push = async (provider: 'apns' | 'fcm' | 'huawei', fault?: Fault, data = newData()) => {
    const [newToken, device] = PHONES[provider];
    const [pubKey, token] = [newId(), newToken()];
    await client.send('register', { pubKey, token, device });
    if (fault) gateways[provider].faults.forToken(token, fault, 1);
    await client.send('notify', { send_to: pubKey, data });
    waiting.push(token);
  };
  const answer = (given: Answer): Fault => ({ kind: 'answer', answer: given });
  const gossip = JSON.stringify({ reason: newId(), msg: newIosToken(), error: { message: newAndroidToken() } });
  client.remember(JSON.parse(gossip));
  for (const provider of ['apns', 'fcm', 'huawei'] as const) {
    await push(provider);
    await push(provider, undefined, newData(100_000));
    for (const status of [500, 418, 400]) await push(provider, answer({ status, body: gossip }));
    await push(provider);
    await push(provider, { kind: 'destroy' });
  }
  await push('apns', answer(apnsError('Unregistered', { timestamp: Date.now() + 1000 })));
  await push('fcm', answer(fcmErrors.unregistered()));
  await push('huawei', answer(huaweiAnswer('80300007')));
  await push('apns', answer(apnsError('DeviceTokenNotForTopic')));
  await push('huawei', answer(huaweiAnswer('80300008')));
  await push('apns', answer(apnsError('InvalidProviderToken')));
  gateways.fcm.revokeAccessTokens();
  gateways.fcm.oauthFaults.next(1, answer({ status: 500, body: gossip }));
  gateways.huawei.revokeAccessTokens();
  await push('fcm');
  await push('huawei');
  const tried = () => new Set(gateways.all.flatMap(({ requests }) => requests.flatMap(({ tokens }) => tokens)));
  await expect.poll(() => waiting.filter((token) => !tried().has(token)), { timeout: 30_000 }).toEqual([]);
}

async function databaseFailure(client: EavesdroppedClient, database: string): Promise<void> {
  const tables = ['devices', 'closed_groups', 'queued_notifications', 'subscriptions'];
  for (const table of tables) await query(database, `ALTER TABLE ${table} RENAME TO ${table}_away`);
  for (const command of COMMANDS) {
    const args: JsonObject = {
      token: newIosToken(),
      pubKey: newId(),
      closedGroupPublicKey: newId(),
      send_to: newId(),
      data: newData(),
    };
    expect((await client.send(command, args)).status).toBe(500);
  }
  const [account, token] = [newSessionId(), newAndroidToken()];
  expect((await client.ask('subscribe', subscribeRequest(account, { token }))).status).toBe(503);
  expect((await client.ask('unsubscribe', unsubscribeRequest(account, { token }))).status).toBe(503);
  // The loops of delivery and their pauses meet it too.
  await sleep(1500);
  for (const table of tables) await query(database, `ALTER TABLE ${table}_away RENAME TO ${table}`);
}

async function otherRequests(client: EavesdroppedClient, password: string): Promise<void> {
  const [inPath, inHeader, inBody] = [newId(), newId(), newId()];
  for (const text of [inPath, inHeader, inBody]) client.remember(text);
  await client.post(`/${inPath}?token=${inPath}`, Buffer.from(inBody), {
    'user-agent': inHeader,
    'content-type': inHeader,
  });
  for (const authorization of [
    `Basic ${inHeader}`,
    `Basic ${Buffer.from(`operator:${password}`).toString('base64')}`,
  ]) {
    for (const body of ['', `{"start_date":"${inBody}"}`, `{"${inBody}":1}`, inBody]) {
      await client.post('/get_statistics_data', Buffer.from(body), { authorization });
    }
  }
}

/** Keys, passwords and the bearer tokens that went to the providers. */
function secretsOf(folder: string, { files, all }: TestGateways, database: string): string[] {
  const lines = [files.apnsTokenKeyFile, files.serviceAccountFile].flatMap((file) => {
    const text = readFileSync(file, 'utf8').replaceAll('\\n', '\n');
    return text.split('\n').filter((line) => /^[A-Za-z0-9+/=]{40,}$/.test(line));
  });
  const bearers = all.flatMap(({ requests }) => requests.map(({ headers }) => headers['authorization'] ?? ''));
  return [
    ...lines,
    ...bearers.map((value) => value.replace(/^bearer /i, '')),
    readFileSync(join(folder, 'data/x25519-priv.pem'), 'latin1').trim(),
    files.huaweiAppSecret,
    database.startsWith('mysql:') ? new URL(database).password : '',
  ];
}
