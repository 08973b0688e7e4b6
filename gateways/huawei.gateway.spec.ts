import { Agent } from 'node:https';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Credentials, makeCredentials } from './certificates.js';
import { HUAWEI_CODES, huaweiAnswer, huaweiUndocumented } from './huawei.answers.js';
import { type HuaweiGateway, startHuaweiGateway } from './huawei.gateway.js';
import { postHttp1, type Reply } from './spec-client.js';

let credentials: Credentials;
let gateway: HuaweiGateway;
const agent = new Agent({ keepAlive: true });

beforeAll(async () => {
  credentials = await makeCredentials();
  gateway = await startHuaweiGateway({ credentials });
});
afterEach(() => gateway.reset());
afterAll(async () => {
  agent.destroy();
  await gateway.close();
});

function ask(path: string, headers: Record<string, string>, body: string): Promise<Reply> {
  return postHttp1(`${gateway.url}${path}`, { ca: credentials.authority.cert, agent, headers }, body);
}

function grant(changes: Record<string, string> = {}, version = 'v3'): Promise<Reply> {
  const { huaweiAppId: client_id, huaweiAppSecret: client_secret } = credentials;
  const form = new URLSearchParams({ grant_type: 'client_credentials', client_id, client_secret, ...changes });
  return ask(`/oauth2/${version}/token`, { 'content-type': 'application/x-www-form-urlencoded' }, form.toString());
}

async function send(
  message: Record<string, unknown> | undefined,
  { appId = credentials.huaweiAppId, accessToken }: { appId?: string; accessToken?: string } = {},
): Promise<Reply> {
  const token = accessToken ?? String((await grant()).json['access_token']);
  const body = JSON.stringify({ validate_only: false, message });
  return ask(`/v1/${appId}/messages:send`, { authorization: `Bearer ${token}` }, body);
}

const dataMessage = (token: unknown = ['token'], changes: Record<string, unknown> = {}) => ({
  data: 'aGVsbG8=',
  android: { urgency: 'HIGH', ttl: '86400s' },
  token,
  ...changes,
});
const codeOf = ({ status, json }: Reply) => [status, json['code']];

describe('HMS stand-in', () => {
  it('takes a message for several tokens and records one push for each', async () => {
    const reply = await send(dataMessage(['one', 'two']));
    expect(reply).toMatchObject({ status: 200, json: { code: '80000000', msg: 'Success' } });
    expect(reply.json['requestId']).toMatch(/^[0-9a-f]{32}$/);
    expect(gateway.received.map(({ token }) => token)).toEqual(['one', 'two']);
    expect(gateway.received[0]?.body.message.data).toBe('aGVsbG8=');
    expect(gateway.counts).toMatchObject({ connections: 1, accepted: 2 });
  });

  it.each(['v2', 'v3'])('gives access tokens at /oauth2/%s/token', async (version) => {
    expect(await grant({}, version)).toMatchObject({ status: 200, json: { expires_in: 3600, token_type: 'Bearer' } });
  });

  it.each<Record<string, string>>([{ grant_type: 'password' }, { client_id: '1' }, { client_secret: 'wrong' }])(
    'refuses an access token to %o',
    async (changes) => {
      expect(await grant(changes)).toMatchObject({ status: 400, json: { error: 1101 } });
    },
  );

  it('tells wrong, revoked and expired access tokens apart', async () => {
    expect(codeOf(await send(dataMessage(), { accessToken: 'made-up' }))).toEqual([200, '80200001']);
    const accessToken = String((await grant()).json['access_token']);
    expect(codeOf(await send(dataMessage(), { accessToken }))).toEqual([200, '80000000']);
    gateway.revokeAccessTokens();
    expect(codeOf(await send(dataMessage(), { accessToken }))).toEqual([200, '80200001']);
    gateway.accessTokens.lifetimeSeconds = 0;
    expect(codeOf(await send(dataMessage()))).toEqual([200, '80200003']);
  });

  it('refuses a token of another app', async () => {
    expect(codeOf(await send(dataMessage(), { appId: '1' }))).toEqual([200, '80200001']);
  });

  it.each<[string, Record<string, unknown> | undefined, string]>([
    ['no message', undefined, '80100003'],
    ['neither data nor notification', dataMessage(['t'], { data: undefined }), '80100003'],
    ['data that is no string', dataMessage(['t'], { data: { a: 1 } }), '80100003'],
    ['tokens that are no list', dataMessage('t'), '80100001'],
    ['no token', dataMessage([]), '80300010'],
    ['1,001 tokens', dataMessage(Array.from({ length: 1001 }, (_, n) => `t${n}`)), '80300010'],
    ['an unknown urgency', dataMessage(['t'], { android: { urgency: 'high' } }), '80100001'],
    ['a TTL without its unit', dataMessage(['t'], { android: { ttl: '86400' } }), '80100001'],
    ['a TTL above 15 days', dataMessage(['t'], { android: { ttl: '1296001s' } }), '80100001'],
    ['a TTL of nothing', dataMessage(['t'], { android: { ttl: '0s' } }), '80100004'],
    ['a collapse key out of range', dataMessage(['t'], { android: { collapse_key: 101 } }), '80100013'],
  ])('refuses %s', async (_what, message, code) => {
    expect(codeOf(await send(message))).toEqual([200, code]);
    expect(gateway.received).toHaveLength(0);
  });

  it('takes 1,000 tokens, and 4,096 bytes beside them and not one more', async () => {
    const tokens = Array.from({ length: 1000 }, (_, n) => `token-${n}`);
    const empty = { data: '', android: { urgency: 'HIGH' } };
    const room = 4096 - JSON.stringify({ validate_only: false, message: empty }).length;
    const full = (length: number) => ({ ...empty, data: 'x'.repeat(length), token: tokens });
    expect(codeOf(await send(full(room)))).toEqual([200, '80000000']);
    expect(codeOf(await send(full(room + 1)))).toEqual([200, '80300008']);
  });

  it('lists the dead tokens among others, and says when all are dead', async () => {
    gateway.mark('dead', 'dead');
    const partly = await send(dataMessage(['good', 'dead']));
    expect(codeOf(partly)).toEqual([200, '80100000']);
    expect(JSON.parse(String(partly.json['msg']))).toEqual({ success: 1, failure: 1, illegal_tokens: ['dead'] });
    expect(gateway.received.map(({ token }) => token)).toEqual(['good']);
    expect(codeOf(await send(dataMessage(['dead'])))).toEqual([200, '80300007']);
  });

  it('says noRight for the tokens of an app it may not push to', async () => {
    gateway.mark('foreign', 'no-right');
    const reply = await send(dataMessage(['foreign']));
    expect(codeOf(reply)).toEqual([200, '80300007']);
    expect(JSON.parse(String(reply.json['msg']))).toEqual({ noRight: ['foreign'] });
  });

  it('answers 503 for a throttled token', async () => {
    gateway.mark('busy', 'throttled', { retryAfterSeconds: 3 });
    const reply = await send(dataMessage(['busy']));
    expect([reply.status, reply.headers['retry-after']]).toEqual([503, '3']);
  });

  it.each(HUAWEI_CODES)('can be told to answer %s', async (code) => {
    gateway.faults.next(1, { kind: 'answer', answer: huaweiAnswer(code) });
    expect(codeOf(await send(dataMessage()))).toEqual([200, code]);
  });

  it('can be told to answer with a code that nobody documents, and with another status', async () => {
    const answer = huaweiUndocumented('89999999', 'Something new', { status: 502 });
    gateway.faults.next(1, { kind: 'answer', answer });
    expect(codeOf(await send(dataMessage()))).toEqual([502, '89999999']);
    expect(gateway.counts.outcomes).toMatchObject({ '502 89999999': 1 });
  });

  it('follows a change of the secret', async () => {
    gateway.appSecret = 'changed';
    expect((await grant()).status).toBe(400);
    expect((await grant({ client_secret: 'changed' })).status).toBe(200);
  });
});
