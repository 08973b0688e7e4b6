import { afterEach, beforeEach, expect, it } from 'vitest';
import { Subscription } from '../src/subscriptions/registry/subscription.entity.js';
import { describeEachDatabase } from './support/databases.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { newAndroidToken } from './support/people.js';
import { query } from './support/query.js';
import { newGroup, newSessionId, subscribeRequest, unsubscribeRequest } from './support/subscribing-phone.js';
import { TestServer } from './support/test-server.js';

const ADDED = { success: true, added: true, message: 'Subscription successful' };
const UPDATED = { success: true, updated: true, message: 'Resubscription successful' };
const REMOVED = { success: true, removed: true, message: 'Device unsubscribed from push notifications' };
const UNAVAILABLE = { error: 2, message: 'firebase notification service not currently available' };
const TRY_LATER = { error: 5, message: 'The server could not do this now, try again later' };

/** Nobody answers there: what is subscribed is stored whether the network is known or not. */
const NETWORK = { NODE_LIST: 'tcp://127.0.0.1:1', NODE_LIST_FILE: '/nowhere/node-list.json' };

describeEachDatabase('an app of today', (databases) => {
  let gateways: TestGateways;
  let server: TestServer;
  beforeEach(async () => {
    gateways = await startGateways();
    server = await TestServer.start({ database: await databases.create(), gateways, env: NETWORK });
  });
  afterEach(async () => {
    await server.close();
    await gateways.close();
  });

  const ask = (endpoint: string, body: Parameters<TestServer['onion']['ask']>[1], version: 'v2' | 'v4' = 'v4') =>
    server.onion.ask(endpoint, body, { version });
  const stored = () => server.dataSource.getRepository(Subscription).count();

  it('subscribes, renews and unsubscribes, with an object or a list', async () => {
    const [account, group, token] = [newSessionId(), newGroup(), newAndroidToken()];
    const [one, other] = [subscribeRequest(account, { token }), subscribeRequest(group, { token })];
    expect(await ask('/subscribe', one)).toEqual({ status: 200, body: ADDED });
    expect(await ask('/subscribe', [one, other])).toEqual({ status: 200, body: [UPDATED, ADDED] });
    expect(await ask('/unsubscribe', [unsubscribeRequest(account, { token })])).toEqual({
      status: 200,
      body: [REMOVED],
    });
    expect(await ask('/unsubscribe', unsubscribeRequest(group, { token }))).toEqual({ status: 200, body: REMOVED });
    expect(await stored()).toBe(0);
  });

  it('is told what it can be woken through', async () => {
    expect(await ask('/services', {})).toEqual({
      status: 200,
      body: {
        services: ['apns', 'apns-sandbox', 'firebase', 'huawei', 'webpush'],
        // An uncompressed point on P-256 in base64url.
        vapid: expect.stringMatching(/^B[\w-]{86}$/),
      },
    });
  });

  it.each([
    ['no JSON', '{"pubkey":', 'Invalid JSON'],
    ['nothing', '', 'Invalid request: request body missing'],
    ['a text', '"text"', 'Invalid JSON: expected object or array of objects'],
    ['a list of something else', '[7]', 'Invalid JSON: expected object or array of objects'],
    ['an empty list', '[]', 'Invalid JSON: expected object or array of objects'],
  ])('hears for good that it sent %s', async (_what, body, message) => {
    for (const endpoint of ['/subscribe', '/unsubscribe']) {
      expect(await ask(endpoint, body)).toEqual({ status: 200, body: { error: 1, message } });
    }
  });

  it('hears that an item is wrong, within a 200', async () => {
    const good = subscribeRequest(newSessionId());
    const wrong = { ...good, signature: subscribeRequest(newSessionId())['signature'] };
    const refused = { error: 4, message: 'Signature verification failed' };
    expect(await ask('/subscribe', [wrong, good])).toEqual({ status: 200, body: [refused, ADDED] });
  });

  it('hears 503 while the database is away, and nothing was done', async () => {
    const request = subscribeRequest(newSessionId());
    await query(server.database, 'ALTER TABLE ended_subscriptions RENAME TO ended_away');
    expect(await ask('/subscribe', [request])).toEqual({ status: 503, body: TRY_LATER });
    await query(server.database, 'ALTER TABLE ended_away RENAME TO ended_subscriptions');
    expect(await stored()).toBe(0);
    expect(await ask('/subscribe', [request])).toEqual({ status: 200, body: [ADDED] });
  });

  it('cannot subscribe by a request of version 2', async () => {
    const { status } = await ask('subscribe', subscribeRequest(newSessionId()), 'v2');
    expect([status, await stored()]).toEqual([400, 0]);
  });

  it('is told that the service is not available where today’s API is off', async () => {
    await server.restart({ NODE_LIST: '' });
    const request = subscribeRequest(newSessionId());
    expect(await ask('/subscribe', [request, request])).toEqual({ status: 200, body: [UNAVAILABLE, UNAVAILABLE] });
    expect(await ask('/unsubscribe', unsubscribeRequest(newSessionId()))).toEqual({ status: 200, body: UNAVAILABLE });
    expect(await ask('/services', {})).toEqual({ status: 200, body: { services: [] } });
    expect(await stored()).toBe(0);
  });

  it('finds its subscription again after a restart', async () => {
    const request = subscribeRequest(newSessionId());
    await ask('/subscribe', request);
    await server.restart();
    expect(await ask('/subscribe', request)).toEqual({ status: 200, body: UPDATED });
  });
});
