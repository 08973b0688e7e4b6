import sodium from 'libsodium-wrappers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ApnsGateway, startApnsGateway } from '../gateways/apns.gateway.js';
import { type SwarmNetwork, startSwarmNetwork } from '../gateways/swarm/network.js';
import { SwarmMonitor } from '../src/swarms/watch/swarm-monitor.service.js';
import { describeEachDatabase } from './support/databases.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { openPush } from './support/opened-push.js';
import { newAndroidToken, newHuaweiToken, newIosToken } from './support/people.js';
import {
  type Account,
  newGroup,
  newMember,
  newSessionId,
  subscribeRequest,
  unsubscribeRequest,
  type Wishes,
} from './support/subscribing-phone.js';
import { TestServer } from './support/test-server.js';

const ADDED = { success: true, added: true, message: 'Subscription successful' };

/** What a phone may be sent in one push beside its message. */
const TOO_BIG_BYTES = 4000;

const bytesOf = ({ id }: Account): Buffer => Buffer.from(id, 'hex');

describeEachDatabase('a message that is stored in the network', (databases) => {
  let gateways: TestGateways;
  let network: SwarmNetwork;
  let sandbox: ApnsGateway;
  let server: TestServer;

  beforeAll(async () => {
    await sodium.ready;
    gateways = await startGateways();
    network = await startSwarmNetwork();
    sandbox = await startApnsGateway({ credentials: gateways.credentials });
    server = await TestServer.start({
      database: await databases.create(),
      gateways,
      env: { ...network.environment, APNS_SANDBOX_URL: sandbox.url },
    });
  });
  afterEach(async () => {
    await server.idle();
    await Promise.all([gateways.reset(), sandbox.reset()]);
  });
  afterAll(async () => {
    await server.close();
    await network.close();
    await Promise.all([gateways.close(), sandbox.close()]);
  });

  const status = () => server.app.get(SwarmMonitor).status();
  /** Subscribes as a phone does, and waits until every node of the swarm watches the account. */
  const subscribe = async (account: Account, wishes: Wishes & { encKey: Buffer }) => {
    const { body } = await server.onion.ask('/subscribe', [subscribeRequest(account, wishes)]);
    expect(body).toEqual([ADDED]);
    await expect
      .poll(() => status().coverage, { timeout: 10_000 })
      .toMatchObject({ partial: 0, none: 0, uncounted: 0 });
    await watched(account);
  };
  const watched = async (account: Account) => {
    const members = network.membersOf(bytesOf(account));
    const told = () => members.every(({ node }) => node.subscriptions.of(bytesOf(account)).length > 0);
    await expect.poll(told, { timeout: 10_000 }).toBe(true);
  };
  const store = (account: Account, text: string | Buffer, namespace = 0) =>
    network.store(bytesOf(account), namespace, Buffer.from(text));

  let encKey: Buffer;
  beforeEach(() => void (encKey = Buffer.from(sodium.randombytes_buf(32))));

  describe('wakes the phone that subscribed, once, and can be opened by it alone', () => {
    it('through APNs', async () => {
      const [account, token] = [newSessionId(), newIosToken()];
      await subscribe(account, { service: 'apns', token, encKey });
      const hash = await store(account, 'hello');
      const [push] = await gateways.apns.waitForPush(1);
      expect(push).toMatchObject({ token, headers: { 'apns-push-type': 'alert', 'apns-priority': '10' } });
      const { enc_payload: payload, ...rest } = (push?.body ?? {}) as Record<string, unknown>;
      expect(JSON.stringify(rest)).toBe(
        '{"aps":{"alert":{"title":"Session","body":"New message"},"badge":1,"sound":"default","mutable-content":1,"category":"SECRET"},"spns":"2"}',
      );
      const opened = openPush(encKey, String(payload));
      expect(opened.metadata).toMatchObject({ '#': hash, '@': account.id, l: 5, n: 0 });
      expect(opened.data?.toString()).toBe('hello');
      expect(() => openPush(Buffer.alloc(32, 1), String(payload))).toThrow(/decrypt|decipher/);
      await expect.poll(() => status().reports.copy, { timeout: 10_000 }).toBeGreaterThanOrEqual(2);
      await server.idle();
      expect(gateways.apns.received).toHaveLength(1);
    });

    it('through FCM, at once what a person wrote and later what can wait', async () => {
      const [account, token] = [newSessionId(), newAndroidToken()];
      await subscribe(account, { service: 'firebase', token, encKey, namespaces: [0, 2] });
      await store(account, 'hello');
      await gateways.fcm.waitForPush(1);
      await store(account, 'settings', 2);
      const pushes = await gateways.fcm.waitForPush(2);
      expect(pushes.map(({ body }) => body.message.android?.priority)).toEqual(['high', 'normal']);
      for (const { body } of pushes) expect(body.message.data).toMatchObject({ spns: '2' });
      const texts = pushes.map(({ body }) =>
        openPush(encKey, String(body.message.data?.['enc_payload'])).data?.toString(),
      );
      expect(texts).toEqual(['hello', 'settings']);
    });

    it('through HMS, as the text of the same map', async () => {
      const [account, token] = [newSessionId(), newHuaweiToken()];
      await subscribe(account, { service: 'huawei', token, encKey });
      await store(account, 'hello');
      const [push] = await gateways.huawei.waitForPush(1);
      const data = JSON.parse(String(push?.body.message.data)) as Record<string, string>;
      expect(Object.keys(data)).toEqual(['enc_payload', 'spns']);
      expect(openPush(encKey, data['enc_payload'] ?? '').data?.toString()).toBe('hello');
    });

    it('as a member of a group, by a subaccount', async () => {
      const group = newGroup();
      const token = newAndroidToken();
      await subscribe(newMember(group), { token, encKey, namespaces: [11] });
      await store(group, 'to all', 11);
      const [push] = await gateways.fcm.waitForPush(1);
      expect(openPush(encKey, String(push?.body.message.data?.['enc_payload'])).data?.toString()).toBe('to all');
    });
  });

  it('goes to each phone with its own key, and to the environment of APNs that its phone named', async () => {
    const account = newSessionId();
    const other = Buffer.alloc(32, 9);
    await subscribe(account, { service: 'apns', token: newIosToken(), encKey });
    await subscribe(account, { service: 'apns-sandbox', token: newIosToken(), encKey: other });
    await store(account, 'hello');
    await expect.poll(() => gateways.apns.received.length + sandbox.received.length).toBe(2);
    const [released, developed] = [gateways.apns.received, sandbox.received].map(
      ([push]) => push?.body as unknown as Record<string, unknown>,
    );
    expect(openPush(encKey, String(released?.['enc_payload'])).data?.toString()).toBe('hello');
    expect(openPush(other, String(developed?.['enc_payload'])).data?.toString()).toBe('hello');
  });

  it('is told of without being carried when it is too big, and counted', async () => {
    const account = newSessionId();
    await subscribe(account, { token: newAndroidToken(), encKey });
    await store(account, Buffer.alloc(TOO_BIG_BYTES, 'x'));
    const [push] = await gateways.fcm.waitForPush(1);
    const opened = openPush(encKey, String(push?.body.message.data?.['enc_payload']));
    expect(opened.metadata).toMatchObject({ B: true, l: TOO_BIG_BYTES });
    expect(opened.data).toBeNull();
    expect(push?.body.message.android?.priority).toBe('normal');
  });

  it('wakes nobody whose namespaces do not have it, nor one who has unsubscribed', async () => {
    const account = newSessionId();
    const [token, leaving] = [newAndroidToken(), newAndroidToken()];
    await subscribe(account, { token, encKey, namespaces: [0] });
    await subscribe(account, { token: leaving, encKey, namespaces: [0, 3] });
    const { body } = await server.onion.ask('/unsubscribe', unsubscribeRequest(account, { token: leaving }));
    expect(body).toMatchObject({ success: true, removed: true });
    await store(account, 'not for this phone', 3);
    await store(account, 'for it', 0);
    await gateways.fcm.waitForPush(1);
    await server.idle();
    expect(gateways.fcm.received.map(({ body: sent }) => sent.message.token)).toEqual([token]);
  });

  it('ends the subscriptions of a phone whose app is gone', async () => {
    const [one, other] = [newSessionId(), newSessionId()];
    const token = newAndroidToken();
    await subscribe(one, { token, encKey });
    await subscribe(other, { token, encKey });
    gateways.fcm.mark(token, 'dead');
    await store(one, 'hello');
    const left = () => server.dataSource.query<unknown[]>('SELECT 1 FROM subscriptions WHERE token = ?', [token]);
    await expect.poll(async () => (await left()).length, { timeout: 20_000 }).toBe(0);
  });
});
