import { Notification, Provider, type ProviderOptions } from '@parse/node-apn';
import { randomUUID } from 'node:crypto';
import { type ClientHttp2Session } from 'node:http2';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ApnsGateway, startApnsGateway } from './apns.gateway.js';
import { type Credentials, DEFAULT_TOPIC, makeAuthority, makeApnsTokenKey, makeCredentials } from './certificates.js';
import { nowSeconds, openSession, post, type Reply, signJwt } from './spec-client.js';

const TOKEN = 'ab'.repeat(32);
const PAYLOAD = JSON.stringify({ aps: { alert: { title: 'Session' } }, ENCRYPTED_DATA: 'aGVsbG8=' });

let credentials: Credentials;
let gateway: ApnsGateway;
const sessions: ClientHttp2Session[] = [];

beforeAll(async () => {
  credentials = await makeCredentials();
  gateway = await startApnsGateway({ credentials });
});
afterEach(async () => {
  for (const session of sessions.splice(0)) session.destroy();
  await gateway.reset();
});
afterAll(() => gateway.close());

async function connect(client?: { cert: string; key: string }): Promise<ClientHttp2Session> {
  const session = await openSession(gateway.url, { ca: credentials.authority.cert, ...client });
  sessions.push(session);
  return session;
}

function jwt(overrides: { iat?: number; kid?: string; iss?: string; key?: string } = {}): string {
  const { keyId, teamId, privateKey } = credentials.apnsTokenKey;
  const header = { kid: overrides.kid ?? keyId };
  const claims = { iss: overrides.iss ?? teamId, iat: overrides.iat ?? nowSeconds() };
  return `bearer ${signJwt('ES256', overrides.key ?? privateKey, header, claims)}`;
}

const headers = (changes: Record<string, string | string[] | undefined> = {}): Record<string, string | string[]> => {
  const all = { authorization: jwt(), 'apns-topic': DEFAULT_TOPIC, 'apns-push-type': 'alert', 'apns-priority': '10' };
  const entries = Object.entries({ ...all, ...changes }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries);
};

async function push(
  changes: Record<string, string | string[] | undefined> = {},
  body = PAYLOAD,
  path = `/3/device/${TOKEN}`,
): Promise<Reply> {
  return post(await connect(), path, headers(changes), body);
}

const answered = ({ status, json }: Reply) => [status, json['reason']];

describe('APNs stand-in', () => {
  it('takes a push, echoes its id and records it', async () => {
    const id = randomUUID();
    const reply = await push({ 'apns-id': id });
    expect([reply.status, reply.headers['apns-id'], reply.text]).toEqual([200, id, '']);
    expect(gateway.received).toHaveLength(1);
    expect(gateway.received[0]).toMatchObject({ token: TOKEN, apnsId: id, body: { ENCRYPTED_DATA: 'aGVsbG8=' } });
    expect(gateway.received[0]?.rawBody.toString()).toBe(PAYLOAD);
    expect(gateway.received[0]?.headers['apns-push-type']).toBe('alert');
  });

  it('makes an id when none is sent', async () => {
    const { headers: answer } = await push();
    expect(answer['apns-id']).toMatch(/^[0-9A-F-]{36}$/);
  });

  it.each<[string, Record<string, string | string[] | undefined>, number, string]>([
    ['no topic', { 'apns-topic': undefined }, 400, 'MissingTopic'],
    ['a topic of wrong form', { 'apns-topic': 'no topic' }, 400, 'BadTopic'],
    ["somebody else's topic", { 'apns-topic': 'org.example.other' }, 400, 'TopicDisallowed'],
    ['no push type', { 'apns-push-type': undefined }, 400, 'InvalidPushType'],
    ['an unknown push type', { 'apns-push-type': 'loud' }, 400, 'InvalidPushType'],
    ['an unknown priority', { 'apns-priority': '7' }, 400, 'BadPriority'],
    ['a background push with priority 10', { 'apns-push-type': 'background' }, 400, 'BadPriority'],
    ['an id that is no UUID', { 'apns-id': '12345' }, 400, 'BadMessageId'],
    ['an expiration that is no integer', { 'apns-expiration': 'tomorrow' }, 400, 'BadExpirationDate'],
    ['a collapse id of 65 bytes', { 'apns-collapse-id': 'x'.repeat(65) }, 400, 'BadCollapseId'],
    ['a header twice', { 'apns-collapse-id': ['one', 'two'] }, 400, 'DuplicateHeaders'],
    ['no credential', { authorization: undefined }, 403, 'MissingProviderToken'],
    ['a token that is no JWT', { authorization: 'bearer x.y' }, 403, 'InvalidProviderToken'],
  ])('refuses %s', async (_what, changes, status, reason) => {
    expect(answered(await push(changes))).toEqual([status, reason]);
    expect(gateway.received).toHaveLength(0);
  });

  it.each([
    ['an empty payload', '', 400, 'PayloadEmpty'],
    ['a payload that is not JSON', 'hello', 400, 'PayloadEmpty'],
    ['a payload of 4,097 bytes', JSON.stringify({ a: 'x'.repeat(4097 - 8) }), 413, 'PayloadTooLarge'],
  ])('refuses %s', async (_what, body, status, reason) => {
    expect(answered(await push({}, body))).toEqual([status, reason]);
  });

  it('takes a payload of exactly 4,096 bytes', async () => {
    expect((await push({}, JSON.stringify({ a: 'x'.repeat(4096 - 8) }))).status).toBe(200);
  });

  it.each([
    ['another path', '/2/device/x', 404, 'BadPath'],
    ['no token', '/3/device/', 400, 'MissingDeviceToken'],
    ['a token that is not hexadecimal', `/3/device/${'zz'.repeat(32)}`, 400, 'BadDeviceToken'],
    ['a token of 31 bytes', `/3/device/${'ab'.repeat(31)}`, 400, 'BadDeviceToken'],
  ])('refuses %s', async (_what, path, status, reason) => {
    expect(answered(await push({}, PAYLOAD, path))).toEqual([status, reason]);
  });

  it('refuses another method', async () => {
    expect(answered(await push({ ':method': 'PUT' }))).toEqual([405, 'MethodNotAllowed']);
  });

  it('tells dead, throttled and misplaced tokens apart', async () => {
    const [dead, throttled, other, app] = ['01', '02', '03', '04'].map((byte) => byte.repeat(32)) as [
      string,
      ...string[],
    ];
    gateway.mark(dead, 'dead', { since: 1_700_000_000_000 });
    gateway.mark(String(throttled), 'throttled', { retryAfterSeconds: 7 });
    gateway.mark(String(other), 'other-environment');
    gateway.mark(String(app), 'other-topic');
    const to = (token: string | undefined) => push({}, PAYLOAD, `/3/device/${token}`);
    const gone = await to(dead);
    expect([gone.status, gone.json]).toEqual([410, { reason: 'Unregistered', timestamp: 1_700_000_000_000 }]);
    const busy = await to(throttled);
    expect([...answered(busy), busy.headers['retry-after']]).toEqual([429, 'TooManyRequests', '7']);
    expect(answered(await to(other))).toEqual([400, 'BadDeviceToken']);
    expect(answered(await to(app))).toEqual([400, 'DeviceTokenNotForTopic']);
    gateway.unmark(dead);
    expect((await to(dead)).status).toBe(200);
  });

  describe('provider tokens', () => {
    it.each([
      ['of an unknown key', () => jwt({ kid: 'NOTTHEKEYS' }), 'InvalidProviderToken'],
      ['of another team', () => jwt({ iss: 'NOTTHETEAM' }), 'InvalidProviderToken'],
      ['signed with another key', () => jwt({ key: makeApnsTokenKey().privateKey }), 'InvalidProviderToken'],
      ['from the future', () => jwt({ iat: nowSeconds() + 600 }), 'InvalidProviderToken'],
      ['older than an hour', () => jwt({ iat: nowSeconds() - 3700 }), 'ExpiredProviderToken'],
    ])('refuses one %s', async (_what, make, reason) => {
      expect(answered(await push({ authorization: make() }))).toEqual([403, reason]);
    });

    it('limits new tokens to one in 20 minutes when told to', async () => {
      gateway.limitTokenUpdates = true;
      const [first, second] = [jwt({ iat: nowSeconds() - 2 }), jwt({ iat: nowSeconds() - 1 })];
      expect((await push({ authorization: first })).status).toBe(200);
      expect(answered(await push({ authorization: second }))).toEqual([429, 'TooManyProviderTokenUpdates']);
      expect((await push({ authorization: first })).status).toBe(200);
      expect(gateway.credentialsSeen.size).toBe(2);
    });

    it('follows a change of the key', async () => {
      const next = makeApnsTokenKey(credentials.apnsTokenKey.teamId);
      const authorization = jwt({ kid: next.keyId, key: next.privateKey });
      expect((await push({ authorization })).status).toBe(403);
      gateway.trustTokenKey(next);
      gateway.revokeTokenKey(credentials.apnsTokenKey.keyId);
      expect((await push({ authorization })).status).toBe(200);
      expect((await push()).status).toBe(403);
    });
  });

  describe('client certificates', () => {
    const anonymous = { authorization: undefined };

    it('stands in for the token, and names the topic', async () => {
      const session = await connect(credentials.apnsClient);
      const path = `/3/device/${TOKEN}`;
      expect((await post(session, path, headers(anonymous), PAYLOAD)).status).toBe(200);
      expect((await post(session, path, headers({ ...anonymous, 'apns-topic': undefined }), PAYLOAD)).status).toBe(200);
      const other = headers({ ...anonymous, 'apns-topic': 'org.example.other' });
      expect(answered(await post(session, path, other, PAYLOAD))).toEqual([400, 'TopicDisallowed']);
    });

    it.each([
      ['expired', () => credentials.authority.issueApnsClient({ notBefore: new Date(0), notAfter: new Date(1000) })],
      ['of another authority', async () => (await makeAuthority()).issueApnsClient()],
    ])('refuses one that is %s', async (_what, make) => {
      const session = await connect(await make());
      const reply = await post(session, `/3/device/${TOKEN}`, headers(anonymous), PAYLOAD);
      expect(answered(reply)).toEqual([403, 'BadCertificate']);
    });
  });

  describe('with @parse/node-apn', () => {
    const send = async (auth: ProviderOptions) => {
      const address = { address: 'localhost', port: gateway.port, ca: [credentials.authority.cert] };
      const provider = new Provider({ ...auth, ...address, connectionRetryLimit: 0 });
      const note = new Notification({ topic: DEFAULT_TOPIC, pushType: 'alert', payload: { ENCRYPTED_DATA: 'aGk=' } });
      const result = await provider.send(note, TOKEN);
      await provider.shutdown();
      return result;
    };

    it('takes its pushes with a token', async () => {
      const { privateKey: key, keyId, teamId } = credentials.apnsTokenKey;
      const { sent, failed } = await send({ token: { key, keyId, teamId } });
      expect([sent.length, failed]).toEqual([1, []]);
      expect(gateway.received[0]?.body.ENCRYPTED_DATA).toBe('aGk=');
    });

    it('takes its pushes with a certificate', async () => {
      const { sent, failed } = await send({ cert: credentials.apnsClient.cert, key: credentials.apnsClient.key });
      expect([sent.length, failed]).toEqual([1, []]);
    });
  });
});
