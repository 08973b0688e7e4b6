import { type ClientHttp2Session } from 'node:http2';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Credentials, makeCredentials, makeServiceAccount } from './certificates.js';
import { fcmErrors } from './fcm.answers.js';
import { type FcmGateway, startFcmGateway } from './fcm.gateway.js';
import { nowSeconds, openSession, post, postHttp1, type Reply, signJwt } from './spec-client.js';

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const SCOPE = 'https://www.googleapis.com/auth/firebase.messaging';
const TOKEN = 'fcm-token:APA91b';

let credentials: Credentials;
let gateway: FcmGateway;
let session: ClientHttp2Session;

beforeAll(async () => {
  credentials = await makeCredentials();
  gateway = await startFcmGateway({ credentials });
});
beforeEach(async () => {
  session = await openSession(gateway.url, { ca: credentials.authority.cert });
});
afterEach(async () => {
  session.destroy();
  await gateway.reset();
});
afterAll(() => gateway.close());

function grantForm(claims: Record<string, unknown> = {}, account = credentials.serviceAccount): string {
  const now = nowSeconds();
  const all = { iss: account.clientEmail, aud: gateway.tokenUri, scope: SCOPE, iat: now, exp: now + 3600, ...claims };
  const assertion = signJwt('RS256', account.privateKey, { kid: account.privateKeyId }, all);
  return new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion }).toString();
}

async function accessToken(): Promise<string> {
  return String((await post(session, '/token', FORM, grantForm())).json['access_token']);
}

async function send(message: unknown, project = credentials.serviceAccount.projectId): Promise<Reply> {
  const headers = { authorization: `Bearer ${await accessToken()}`, 'content-type': 'application/json' };
  return post(session, `/v1/projects/${project}/messages:send`, headers, JSON.stringify({ message }));
}

const dataMessage = (changes: Record<string, unknown> = {}) => ({
  token: TOKEN,
  data: { ENCRYPTED_DATA: 'aGVsbG8=' },
  android: { priority: 'HIGH', ttl: '86400s' },
  ...changes,
});

/** code, status, FcmError's code and the violated field of an error answer. */
function answered({ status, json }: Reply) {
  const error = json['error'] as { status: string; details?: { errorCode?: string; fieldViolations?: object[] }[] };
  return {
    status,
    code: error.status,
    fcm: error.details?.find(({ errorCode }) => errorCode)?.errorCode,
    field: (error.details?.find(({ fieldViolations }) => fieldViolations)?.fieldViolations?.[0] as { field?: string })
      ?.field,
  };
}

describe('FCM stand-in', () => {
  it('takes a data message over HTTP/2 and records it', async () => {
    const reply = await send(dataMessage());
    expect(reply.status).toBe(200);
    expect(reply.json['name']).toMatch(/^projects\/stand-in-project\/messages\/.+/);
    expect(gateway.received[0]).toMatchObject({ token: TOKEN, body: { message: dataMessage() } });
  });

  it('speaks HTTP/1.1 too', async () => {
    const options = { ca: credentials.authority.cert, headers: FORM };
    const reply = await postHttp1(gateway.tokenUri, options, grantForm());
    expect([reply.status, reply.json['expires_in'], reply.json['token_type']]).toEqual([200, 3600, 'Bearer']);
  });

  describe('authorization', () => {
    it.each<[string, () => string, string]>([
      ['another grant type', () => 'grant_type=password', 'invalid_grant'],
      ['an unknown account', () => grantForm({ iss: 'nobody@example.org' }), 'invalid_grant'],
      ['another audience', () => grantForm({ aud: 'https://example.org' }), 'invalid_grant'],
      ['another scope', () => grantForm({ scope: 'https://www.googleapis.com/auth/drive' }), 'invalid_scope'],
      [
        'an assertion that ended',
        () => grantForm({ iat: nowSeconds() - 4000, exp: nowSeconds() - 400 }),
        'invalid_grant',
      ],
      ['an assertion for two hours', () => grantForm({ exp: nowSeconds() + 7200 }), 'invalid_grant'],
    ])('refuses %s', async (_what, form, error) => {
      const reply = await post(session, '/token', FORM, form());
      expect([reply.status, reply.json['error']]).toEqual([400, error]);
      expect(gateway.accessTokens.issuedCount).toBe(0);
    });

    it("refuses another key's signature until that key is trusted", async () => {
      const { clientEmail } = credentials.serviceAccount;
      const renewed = { ...makeServiceAccount(), clientEmail };
      const refused = await post(session, '/token', FORM, grantForm({}, renewed));
      expect([refused.status, refused.json['error']]).toEqual([400, 'invalid_grant']);
      gateway.trustServiceAccount(renewed);
      expect((await post(session, '/token', FORM, grantForm({}, renewed))).status).toBe(200);
    });

    it('answers 401 to unknown, revoked and expired access tokens', async () => {
      const path = `/v1/projects/${credentials.serviceAccount.projectId}/messages:send`;
      const body = JSON.stringify({ message: dataMessage() });
      const withToken = (token: string) => post(session, path, { authorization: `Bearer ${token}` }, body);
      expect(answered(await withToken('made-up'))).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' });
      const good = await accessToken();
      expect((await withToken(good)).status).toBe(200);
      gateway.revokeAccessTokens();
      expect((await withToken(good)).status).toBe(401);
      gateway.accessTokens.lifetimeSeconds = 0;
      const reply = await post(session, '/token', FORM, grantForm());
      expect(reply.json['expires_in']).toBe(0);
      expect((await withToken(String(reply.json['access_token']))).status).toBe(401);
    });

    it('fails or stalls as it is told', async () => {
      gateway.oauthFaults.next(1, { kind: 'answer', answer: { status: 500, body: 'oops' } });
      gateway.oauthFaults.next(1, { kind: 'stall' });
      expect((await post(session, '/token', FORM, grantForm())).status).toBe(500);
      const stalled = post(session, '/token', FORM, grantForm());
      const first = await Promise.race([
        stalled.catch(() => 'ended'),
        new Promise((done) => setTimeout(done, 100, 'silence')),
      ]);
      expect(first).toBe('silence');
      expect((await send(dataMessage())).status).toBe(200);
    });
  });

  it.each<[string, unknown, string | undefined]>([
    ['no target', { data: {} }, 'message'],
    ['two targets', dataMessage({ topic: 'news' }), 'message'],
    ['a token that is no string', { token: 7 }, 'message.token'],
    ['a data value that is no string', dataMessage({ data: { n: 12 } }), 'message.data[0].value'],
    ['a reserved data key', dataMessage({ data: { 'google.x': '1' } }), 'message.data'],
    ['an unknown field', dataMessage({ notifications: {} }), 'message'],
    ['an unknown priority', dataMessage({ android: { priority: 'urgent' } }), 'message.android.priority'],
    ['a TTL without its unit', dataMessage({ android: { ttl: '86400' } }), 'message.android.ttl'],
    ['a TTL above four weeks', dataMessage({ android: { ttl: '2419201s' } }), 'message.android.ttl'],
    ['no message', undefined, 'message'],
  ])('names the field of %s', async (_what, message, field) => {
    const reply = answered(await send(message));
    expect(reply).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT', field });
    expect(gateway.received).toHaveLength(0);
  });

  it('takes 4,096 bytes of keys and values and not one more', async () => {
    expect((await send(dataMessage({ data: { key: 'x'.repeat(4093) } }))).status).toBe(200);
    const tooBig = answered(await send(dataMessage({ data: { key: 'x'.repeat(4094) } })));
    expect(tooBig).toEqual({ status: 400, code: 'INVALID_ARGUMENT', fcm: undefined, field: undefined });
  });

  it('answers 404 without an FcmError for an unknown project', async () => {
    expect(answered(await send(dataMessage(), 'mistyped'))).toEqual({
      status: 404,
      code: 'NOT_FOUND',
      fcm: undefined,
      field: undefined,
    });
  });

  it('tells dead, throttled, malformed and foreign tokens apart', async () => {
    gateway.mark('dead', 'dead');
    gateway.mark('busy', 'throttled', { retryAfterSeconds: 30 });
    gateway.mark('malformed', 'malformed');
    gateway.mark('foreign', 'other-sender');
    const to = async (token: string) => answered(await send(dataMessage({ token })));
    expect(await to('dead')).toMatchObject({ status: 404, code: 'NOT_FOUND', fcm: 'UNREGISTERED' });
    expect(await to('malformed')).toMatchObject({ status: 400, fcm: 'INVALID_ARGUMENT' });
    expect(await to('foreign')).toMatchObject({ status: 403, code: 'PERMISSION_DENIED', fcm: 'SENDER_ID_MISMATCH' });
    const busy = await send(dataMessage({ token: 'busy' }));
    expect(answered(busy)).toMatchObject({ status: 429, code: 'RESOURCE_EXHAUSTED', fcm: 'QUOTA_EXCEEDED' });
    expect(busy.headers['retry-after']).toBe('30');
  });

  it.each([
    [fcmErrors.permissionDenied('p'), 403, 'PERMISSION_DENIED', undefined],
    [fcmErrors.serviceDisabled('p'), 403, 'PERMISSION_DENIED', undefined],
    [fcmErrors.thirdPartyAuth(), 401, 'UNAUTHENTICATED', 'THIRD_PARTY_AUTH_ERROR'],
    [fcmErrors.internal(), 500, 'INTERNAL', 'INTERNAL'],
    [fcmErrors.unavailable(5), 503, 'UNAVAILABLE', 'UNAVAILABLE'],
    [fcmErrors.unspecified(), 500, 'UNKNOWN', 'UNSPECIFIED_ERROR'],
    [fcmErrors.invalidRegistrationTokenField(), 400, 'INVALID_ARGUMENT', 'INVALID_ARGUMENT'],
  ])('can be told to answer as documented: %o', async (answer, status, code, fcm) => {
    gateway.faults.next(1, { kind: 'answer', answer });
    expect(answered(await send(dataMessage()))).toMatchObject({ status, code, fcm });
    expect((await send(dataMessage())).status).toBe(200);
  });
});
