import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import webPush from 'web-push';
import { type Credentials, makeCredentials, makeVapidKey } from './certificates.js';
import { nowSeconds, postHttp1, type Reply, signJwt } from './spec-client.js';
import { startWebPushGateway, type WebPushGateway } from './webpush.gateway.js';
import { WebPushPhone, type WebPushSubscription } from './webpush.phone.js';

let gateway: WebPushGateway;
let credentials: Credentials;
let subscription: WebPushSubscription;
beforeAll(async () => {
  credentials = await makeCredentials();
  gateway = await startWebPushGateway({ credentials });
  subscription = gateway.subscribe(credentials.vapidKey.applicationServerKey);
});
afterEach(() => gateway.reset());
afterAll(() => gateway.close());

const encrypt = ({ p256dh, auth }: WebPushSubscription, text: string): Buffer =>
  webPush.encrypt(p256dh, auth, text, 'aes128gcm').cipherText;

function vapid(claims: Record<string, unknown> = {}, key = credentials.vapidKey): string {
  const all = { aud: gateway.url, exp: nowSeconds() + 3600, sub: 'mailto:operator@example.org', ...claims };
  return `vapid t=${signJwt('ES256', key.privateKey, { typ: 'JWT' }, all)}, k=${credentials.vapidKey.applicationServerKey}`;
}

/** `undefined` leaves a header out. */
async function push(
  headers: Record<string, string | undefined> = {},
  body = encrypt(subscription, '{"spns":"2"}'),
  url = subscription.endpoint,
): Promise<Reply> {
  const complete = { ttl: '60', 'content-encoding': 'aes128gcm', authorization: vapid(), ...headers };
  const given = Object.fromEntries(
    Object.entries(complete).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  ) as Record<string, string>;
  const ca = credentials.authority.cert;
  return postHttp1(url, { ca, agent: false, headers: given }, body);
}

it('opens the example of RFC 8291', () => {
  const phone = new WebPushPhone({
    privateKey: Buffer.from('q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94', 'base64url'),
    auth: Buffer.from('BTBZMqHH6r4Tts7J_aSIgg', 'base64url'),
  });
  const body = Buffer.from(
    'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN',
    'base64url',
  );
  expect(phone.decrypt(body)?.toString()).toBe('When I grow up, I want to be a watermelon');
  body[body.length - 1] = (body.at(-1) ?? 0) ^ 1;
  expect(phone.decrypt(body)).toBeNull();
});

describe('the stand-in of a Web Push server', () => {
  it('takes a push, which its phone opens', async () => {
    const reply = await push({ urgency: 'high', topic: 'a'.repeat(32) });
    expect(reply).toMatchObject({ status: 201, headers: { ttl: '0', location: expect.stringContaining(gateway.url) } });
    const [received] = await gateway.waitForPush(1);
    expect(received).toMatchObject({ token: subscription.endpoint, body: { spns: '2' }, headers: { urgency: 'high' } });
  });

  it.each<[number, string, Record<string, string | undefined>]>([
    [400, 'without TTL', { ttl: undefined }],
    [400, 'with a TTL that is no number', { ttl: '1.5' }],
    [400, 'that is to be kept for too long', { ttl: '2592001' }],
    [400, 'with an unknown urgency', { urgency: 'now' }],
    [400, 'with a topic that is too long', { topic: 'a'.repeat(33) }],
    [400, 'with a topic of other characters', { topic: 'a b' }],
    [400, 'in the older encryption', { 'content-encoding': 'aesgcm' }],
    [401, 'of nobody', { authorization: undefined }],
    [401, 'of somebody in another way', { authorization: 'bearer x' }],
  ])('answers %i to a push %s', async (status, _, headers) => {
    expect(await push(headers)).toMatchObject({ status });
    expect(gateway.received).toHaveLength(0);
  });

  it.each<[number, string, () => string]>([
    [403, 'for another server', () => vapid({ aud: 'https://push.example.org' })],
    [403, 'whose time is over', () => vapid({ exp: nowSeconds() - 1 })],
    [403, 'that is good for more than a day', () => vapid({ exp: nowSeconds() + 86_500 })],
    [401, 'without a contact', () => vapid({ sub: undefined })],
    [403, 'with another signature', () => vapid({}, makeVapidKey())],
    [403, 'of another key', () => vapid().replace(/k=.*/, `k=${makeVapidKey().applicationServerKey}`)],
    [403, 'of a key that is none', () => vapid().replace(/k=.*/, 'k=AAAA')],
  ])('answers %i to a JWT %s', async (status, _, authorization) => {
    expect(await push({ authorization: authorization() })).toMatchObject({ status });
  });

  it('has room for 4,096 bytes', async () => {
    expect(await push({}, encrypt(subscription, JSON.stringify({ a: 'x'.repeat(3985) })))).toMatchObject({
      status: 201,
    });
    expect(await push({}, encrypt(subscription, JSON.stringify({ a: 'x'.repeat(3986) })))).toMatchObject({
      status: 413,
    });
    expect(await push({}, Buffer.alloc(0))).toMatchObject({ status: 400 });
  });

  it('shows what the phone could not open', async () => {
    const other = new WebPushPhone().subscription('');
    expect(await push({}, encrypt(other, '{}'))).toMatchObject({
      status: 400,
      json: { message: 'the phone cannot open it' },
    });
    expect(await push({}, Buffer.alloc(200))).toMatchObject({ status: 400 });
  });

  it('knows no other endpoints', async () => {
    expect(await push({}, undefined, `${gateway.url}/push/other`)).toMatchObject({ status: 404 });
  });

  it('says what has become of an endpoint', async () => {
    const states = { gone: 410, unknown: 404, unheard: 507, throttled: 429 } as const;
    for (const [state, status] of Object.entries(states)) {
      gateway.mark(subscription.endpoint, state as keyof typeof states, { retryAfterSeconds: 7 });
      expect(await push()).toMatchObject({ status });
    }
    gateway.unmark(subscription.endpoint);
    expect(await push()).toMatchObject({ status: 201 });
  });
});
