import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { type SwarmNetwork, startSwarmNetwork } from '../gateways/swarm/network.js';
import { startWebPushGateway, type WebPushGateway } from '../gateways/webpush.gateway.js';
import { type WebPushSubscription } from '../gateways/webpush.phone.js';
import { DeliveryStatus } from '../src/delivery/status/delivery-status.js';
import { Sealing } from '../src/sealing/sealing.js';
import { describeEachDatabase, mysqlDatabases, type TestDatabases } from './support/databases.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { PhoneWithoutGoogle } from './support/phone-without-google.js';
import { createRedisDatabase } from './support/redis-databases.js';
import {
  type Account,
  newSessionId,
  subscribeRequest,
  unsubscribeRequest,
  type Wishes,
} from './support/subscribing-phone.js';
import { TestServer } from './support/test-server.js';

const ADDED = { success: true, added: true, message: 'Subscription successful' };
const LONG_MS = 20_000;

const bytesOf = ({ id }: Account): Buffer => Buffer.from(id, 'hex');

describeEachDatabase('a phone without Google', (databases) => suite(databases, null));
describe.skipIf(inject('redisUrl') === null || inject('mysqlUrl') === null)('a phone without Google (Redis)', () => {
  suite(mysqlDatabases(), createRedisDatabase);
});

/** @param redis makes a database there for the queue; null = the queue is a table */
function suite(databases: TestDatabases, redis: (() => Promise<string>) | null): void {
  const folder = mkdtempSync(join(tmpdir(), 'spns-webpush-'));
  let gateways: TestGateways;
  let other: WebPushGateway;
  let network: SwarmNetwork;
  let server: TestServer;

  beforeAll(async () => {
    gateways = await startGateways();
    other = await startWebPushGateway({ credentials: gateways.credentials });
    network = await startSwarmNetwork();
    server = await TestServer.start({
      database: await databases.create(),
      gateways,
      env: {
        ...network.environment,
        ...(redis && { REDIS_URL: await redis() }),
        WEBPUSH_ALLOWED_HOSTS: 'localhost',
        DATA_KEY_FILE: join(folder, 'data.key'),
      },
      transports: { webpush: { pauseMs: 200, longestPauseMs: 400 } },
      // What waits for a server that is down is tried again soon enough for a test.
      tuning: { retryMaxMs: 500 },
    });
  });
  afterEach(async () => {
    await Promise.all([gateways.reset(), other.reset()]);
    await server.idle(LONG_MS);
  });
  afterAll(async () => {
    await server.close();
    await Promise.all([network.close(), gateways.close(), other.close()]);
    rmSync(folder, { recursive: true });
  });

  const servicesOf = async () =>
    (await server.onion.ask('/services', {})).body as { services: string[]; vapid: string };
  const newEndpoint = async (gateway = gateways.webpush): Promise<WebPushSubscription> =>
    gateway.subscribe((await servicesOf()).vapid);
  const subscribe = async (account: Account, serviceInfo: object, wishes: Wishes = {}): Promise<unknown> => {
    const request = subscribeRequest(account, { service: 'webpush', serviceInfo, ...wishes });
    return (await server.onion.ask('/subscribe', request)).body;
  };
  const watched = async (account: Account): Promise<void> => {
    const members = network.membersOf(bytesOf(account));
    const told = () => members.every(({ node }) => node.subscriptions.of(bytesOf(account)).length > 0);
    await expect.poll(told, { timeout: LONG_MS }).toBe(true);
  };
  /** A phone that is subscribed, and watched for. */
  const newPhone = async (gateway = gateways.webpush): Promise<{ account: Account; phone: PhoneWithoutGoogle }> => {
    const [account, phone] = [newSessionId(), new PhoneWithoutGoogle(gateway, (await servicesOf()).vapid)];
    expect(await subscribe(account, phone.info, phone.wishes)).toEqual(ADDED);
    await watched(account);
    return { account, phone };
  };
  const store = (account: Account, text: string) => network.store(bytesOf(account), 0, Buffer.from(text));

  it('is told the key for which it makes its endpoint', async () => {
    expect(await servicesOf()).toEqual({
      services: ['apns', 'apns-sandbox', 'firebase', 'huawei', 'webpush'],
      vapid: gateways.credentials.vapidKey.applicationServerKey,
    });
  });

  it('is woken by what is stored for it, and opens it', async () => {
    const { account, phone } = await newPhone();
    await store(account, 'no Google here');
    const [push] = await gateways.webpush.waitForPush(1, LONG_MS);
    expect(push).toMatchObject({ token: phone.info.endpoint, headers: { urgency: 'high' } });
    expect(Object.keys(push?.body ?? {})).toEqual(['enc_payload', 'spns']);
    expect(phone.texts).toEqual(['no Google here']);
    await server.idle();
    expect(gateways.webpush.received).toHaveLength(1);
  });

  it('waits for its own server, while the others are served', async () => {
    const [waiting, served] = [await newPhone(), await newPhone(other)];
    await gateways.webpush.stopListening();
    for (let sent = 0; sent < 6; sent++) await store(waiting.account, `waits ${sent}`);
    for (let sent = 0; sent < 6; sent++) await store(served.account, `is served ${sent}`);
    await other.waitForPush(6, LONG_MS);
    const status = server.app.get(DeliveryStatus);
    await expect
      .poll(() => status.providers().find(({ provider }) => provider === 'webpush')?.servers?.failing)
      .toBe(1);
    expect(status.providers()).toContainEqual(
      expect.objectContaining({ provider: 'webpush', breaker: 'closed', trouble: null }),
    );

    await gateways.webpush.listenAgain();
    await gateways.webpush.waitForPush(6, LONG_MS);
    expect(new Set(waiting.phone.texts)).toEqual(new Set([0, 1, 2, 3, 4, 5].map((sent) => `waits ${sent}`)));
  });

  it('is not known to who has the queue and not the key', async () => {
    // It looks at the rows of the queue's table, of which there are none with Redis.
    if (redis !== null) return;
    const { account, phone } = await newPhone();
    const { info } = phone;
    await gateways.webpush.stopListening();
    await store(account, 'waits');
    await expect.poll(async () => (await server.queued()).length, { timeout: LONG_MS }).toBe(1);
    const kept = JSON.stringify([
      await server.queued(),
      await server.dataSource.query('SELECT account, token, signer FROM subscriptions'),
    ]);
    for (const secret of [info.endpoint, info.p256dh, info.auth, account.id]) expect(kept).not.toContain(secret);
    await gateways.webpush.listenAgain();
    await gateways.webpush.waitForPush(1, LONG_MS);
  });

  it('is forgotten when its endpoint is gone, and it alone', async () => {
    const [gone, stays] = [await newPhone(), await newPhone()];
    gateways.webpush.mark(gone.phone.info.endpoint, 'gone');
    await store(gone.account, 'hello');
    await store(stays.account, 'hello');
    await gateways.webpush.waitForPush(1, LONG_MS);
    const unsubscribe = async ({ account, phone }: typeof gone) =>
      (await server.onion.ask('/unsubscribe', unsubscribeRequest(account, phone.wishes))).body;
    const left = () =>
      server.dataSource.query<unknown[]>('SELECT 1 FROM subscriptions WHERE account = ?', [
        server.app.get(Sealing).account(gone.account.id),
      ]);
    await expect.poll(async () => (await left()).length, { timeout: LONG_MS }).toBe(0);
    expect(await unsubscribe(gone)).toMatchObject({ success: true, removed: false });
    expect(await unsubscribe(stays)).toMatchObject({ success: true, removed: true });
  });

  it('renews its subscription by its endpoint, in whatever spelling, with other keys', async () => {
    const [account, first, second] = [newSessionId(), await newEndpoint(), await newEndpoint()];
    expect(await subscribe(account, first)).toEqual(ADDED);
    const again = { ...second, endpoint: first.endpoint.replace('https://localhost', 'HTTPS://LOCALHOST') };
    expect(await subscribe(account, again)).toMatchObject({ updated: true });
  });

  it.each<[string, object, string]>([
    ['no endpoint', { endpoint: undefined }, "Missing required parameter 'endpoint'"],
    ['no keys', { p256dh: null }, "Missing required parameter 'p256dh'"],
    ['no secret', { auth: undefined }, "Missing required parameter 'auth'"],
    ['another scheme', { endpoint: 'http://push.example.org/x' }, 'Invalid Web Push endpoint: it must be an https URL'],
    ['a number', { endpoint: 1 }, 'Invalid Web Push endpoint: it must be an https URL'],
    ['this machine', { endpoint: 'https://127.0.0.1/x' }, 'this server does not send there'],
    ['the cloud’s own address', { endpoint: 'https://169.254.169.254/x' }, 'this server does not send there'],
    ['a mapped address', { endpoint: 'https://[::ffff:10.0.0.1]/x' }, 'this server does not send there'],
    ['a port of mail', { endpoint: 'https://push.example.org:25/x' }, 'this server does not send there'],
    ['a name without a dot', { endpoint: 'https://router/x' }, 'this server does not send there'],
    ['no point of the curve', { p256dh: `BA${'A'.repeat(85)}` }, 'Invalid Web Push p256dh'],
    ['a short secret', { auth: 'AAAA' }, 'Invalid Web Push auth'],
  ])('is refused for good with %s', async (_, wrong, message) => {
    const info = { ...(await newEndpoint()), ...wrong };
    expect(await subscribe(newSessionId(), info)).toEqual({ error: 1, message: expect.stringContaining(message) });
  });

  it('may name a server that cannot be reached now, because nobody looks', async () => {
    expect(
      await subscribe(newSessionId(), { ...(await newEndpoint()), endpoint: 'https://nowhere.invalid.example/x' }),
    ).toEqual(ADDED);
  });
}
