import { type ClientHttp2Session } from 'node:http2';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { apnsError, apnsUndocumented, APNS_REASONS } from './apns.answers.js';
import { type ApnsGateway, startApnsGateway } from './apns.gateway.js';
import { type Credentials, makeCredentials } from './certificates.js';
import { FaultPlan, malformedJson, type ResetCode } from './faults.js';
import { type HuaweiGateway, startHuaweiGateway } from './huawei.gateway.js';
import { openSession, post, postHttp1, type Reply } from './spec-client.js';

let credentials: Credentials;
let apns: ApnsGateway;
let huawei: HuaweiGateway;
const sessions: ClientHttp2Session[] = [];

beforeAll(async () => {
  credentials = await makeCredentials();
  apns = await startApnsGateway({ credentials });
  huawei = await startHuaweiGateway({ credentials });
});
afterEach(async () => {
  for (const session of sessions.splice(0)) session.destroy();
  await Promise.all([apns.reset(), huawei.reset()]);
});
afterAll(() => Promise.all([apns.close(), huawei.close()]));

async function connect(): Promise<ClientHttp2Session> {
  const session = await openSession(apns.url, { ca: credentials.authority.cert, ...credentials.apnsClient });
  sessions.push(session);
  return session;
}

const token = (n = 0) => n.toString(16).padStart(64, '0');
const push = (session: ClientHttp2Session, n = 0): Promise<Reply> =>
  post(session, `/3/device/${token(n)}`, { 'apns-push-type': 'alert' }, '{"aps":{}}');
const outcome = (reply: Promise<Reply>): Promise<number | string> =>
  reply.then(
    ({ status }) => status,
    (error: Error) => error.message,
  );
const oauth = (): Promise<Reply> => {
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: credentials.huaweiAppId,
    client_secret: credentials.huaweiAppSecret,
  });
  return postHttp1(`${huawei.url}/oauth2/v3/token`, { ca: credentials.authority.cert, agent: false }, form.toString());
};

describe('which requests a fault meets', () => {
  const stall = { kind: 'stall' } as const;
  const destroy = { kind: 'destroy' } as const;
  const delay = { kind: 'delay', delayMs: 1 } as const;

  it('is a token first, then the next ones, then all until they are cleared', () => {
    const plan = new FaultPlan();
    plan.all(stall);
    plan.next(1, destroy);
    plan.next(1, delay);
    plan.forToken('a', delay, 2);
    expect(['a', 'a', 'a', 'b', 'b'].map((name) => plan.take([name]))).toEqual([delay, delay, destroy, delay, stall]);
    plan.clear();
    expect(plan.take(['a'])).toBeUndefined();
  });

  it('is any request with the token among others', () => {
    const plan = new FaultPlan();
    plan.forToken('b', stall);
    expect([plan.take(['a', 'b']), plan.take(['a', 'c'])]).toEqual([stall, undefined]);
  });
});

describe('faults of answers', () => {
  it.each(APNS_REASONS)('answers %s', async (reason) => {
    apns.faults.next(1, { kind: 'answer', answer: apnsError(reason, { retryAfterSeconds: 9, timestamp: 5 }) });
    const session = await connect();
    const reply = await push(session);
    expect([reply.json, reply.headers['retry-after']]).toEqual([{ reason, timestamp: 5 }, '9']);
    expect(reply.headers['apns-id']).toBeDefined();
    expect([apns.received.length, await outcome(push(session))]).toEqual([0, 200]);
  });

  it('answers with a status and a reason that nobody documents', async () => {
    apns.faults.all({ kind: 'answer', answer: apnsUndocumented(418, 'Teapot') });
    const reply = await push(await connect());
    expect([reply.status, reply.json]).toEqual([418, { reason: 'Teapot' }]);
    expect(apns.counts.outcomes).toEqual({ '418 Teapot': 1 });
  });

  it('answers with JSON that stops in the middle', async () => {
    apns.faults.all({ kind: 'answer', answer: malformedJson(400) });
    const reply = await push(await connect());
    expect(reply.status).toBe(400);
    expect(() => JSON.parse(reply.text) as unknown).toThrow(SyntaxError);
  });

  it('delays one answer and not its neighbours', async () => {
    apns.faults.forToken(token(1), { kind: 'delay', delayMs: 150 });
    const session = await connect();
    const order: number[] = [];
    const begin = Date.now();
    await Promise.all([1, 2].map((n) => push(session, n).then(() => order.push(n))));
    expect(order).toEqual([2, 1]);
    expect(Date.now() - begin).toBeGreaterThanOrEqual(149);
  });

  it('adds a latency to all answers', async () => {
    apns.latencyMs = 60;
    const session = await connect();
    const begin = Date.now();
    await push(session);
    expect(Date.now() - begin).toBeGreaterThanOrEqual(59);
  });

  it.each([true, false])('stalls for ever, with the push taken: %s', async (accepted) => {
    apns.faults.next(1, { kind: 'stall', accepted });
    const session = await connect();
    const stalled = outcome(push(session));
    expect(await Promise.race([stalled, sleep(80, 'silence')])).toBe('silence');
    expect(await outcome(push(session, 2))).toBe(200);
    expect(apns.received.map((received) => received.token)).toEqual(accepted ? [token(), token(2)] : [token(2)]);
    expect(apns.requests.map(({ outcome: recorded }) => recorded)).toEqual(['stall', '200']);
  });
});

describe('faults of streams and connections', () => {
  it.each<ResetCode>(['REFUSED_STREAM', 'INTERNAL_ERROR', 'CANCEL'])('resets one stream with %s', async (code) => {
    apns.faults.forToken(token(1), { kind: 'reset', code });
    const session = await connect();
    expect(await Promise.all([outcome(push(session, 1)), outcome(push(session, 2))])).toEqual([code, 200]);
    expect(session.destroyed).toBe(false);
  });

  it('destroys the socket, on HTTP/1.1 too', async () => {
    apns.faults.next(1, { kind: 'destroy' });
    const session = await connect();
    await outcome(push(session));
    expect(session.destroyed).toBe(true);
    huawei.oauthFaults.next(1, { kind: 'destroy' });
    await expect(oauth()).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect((await oauth()).status).toBe(200);
  });

  it('goes away gracefully: what is in flight is answered, new requests need a new connection', async () => {
    apns.faults.forToken(token(1), { kind: 'delay', delayMs: 100 });
    apns.faults.forToken(token(2), { kind: 'goaway', reason: 'Shutdown' });
    const session = await connect();
    const goaway = once(session, 'goaway');
    const inFlight = [outcome(push(session, 1)), outcome(push(session, 2))];
    const [code, lastStreamId, data] = (await goaway) as [number, number, Buffer];
    expect([code, lastStreamId, data.toString()]).toEqual([0, 3, '{"reason":"Shutdown"}']);
    expect(await Promise.all(inFlight)).toEqual([200, 200]);
    expect(session.closed).toBe(true);
    expect(await outcome(push(await connect(), 3))).toBe(200);
  });

  it('goes away with streams left unprocessed', async () => {
    [1, 2].forEach((n) => apns.faults.forToken(token(n), { kind: 'delay', delayMs: 100 }));
    apns.faults.forToken(token(3), { kind: 'goaway', unprocessed: true });
    const session = await connect();
    const results = [1, 2, 3].map((n) => outcome(push(session, n)));
    expect(await Promise.all(results)).toEqual([200, 200, 'REFUSED_STREAM']);
    expect(apns.received.map((received) => received.token)).toEqual([token(1), token(2)]);
    expect(session.closed).toBe(true);
  });

  it('goes away before the first stream of a connection', async () => {
    apns.faults.next(1, { kind: 'goaway', unprocessed: true });
    const session = await connect();
    expect(await outcome(push(session))).toBe('REFUSED_STREAM');
    expect([session.closed, apns.counts.accepted]).toEqual([true, 0]);
    expect(await outcome(push(await connect()))).toBe(200);
  });

  it('sends all connections away at once', async () => {
    const all = await Promise.all([connect(), connect()]);
    await Promise.all(all.map((session) => push(session)));
    const closed = Promise.all(all.map((session) => once(session, 'close')));
    apns.goAway();
    await closed;
    expect(apns.counts.connections).toBe(2);
  });

  it('lowers the stream limit of open and of new sessions', async () => {
    const session = await connect();
    await push(session);
    expect(session.remoteSettings.maxConcurrentStreams).toBe(1000);
    const changed = once(session, 'remoteSettings');
    apns.setMaxConcurrentStreams(1);
    await changed;
    expect(session.remoteSettings.maxConcurrentStreams).toBe(1);
    const later = await connect();
    await push(later);
    expect(later.remoteSettings.maxConcurrentStreams).toBe(1);
    apns.latencyMs = 20;
    await Promise.all([1, 2, 3].map((n) => push(later, n)));
    expect(apns.counts.maxInFlight).toBe(1);
  });

  it('refuses connections and listens again on the same port', async () => {
    const { port } = apns;
    const session = await connect();
    await apns.stopListening();
    // Where the name has two addresses, the message is empty.
    await expect(connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(session.destroyed).toBe(true);
    await apns.listenAgain();
    expect([apns.port, await outcome(push(await connect()))]).toEqual([port, 200]);
  });

  it.each([
    ['untrusted', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['expired', 'CERT_HAS_EXPIRED'],
    ['other-host', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ] as const)('serves a certificate that is %s', async (kind, code) => {
    await apns.serveCertificate(kind);
    await expect(connect()).rejects.toMatchObject({ code });
    await huawei.serveCertificate(kind);
    await expect(oauth()).rejects.toMatchObject({ code });
    await apns.serveCertificate('good');
    expect(await outcome(push(await connect()))).toBe(200);
  });
});

describe('records', () => {
  it('waits for a number of pushes and for one that matches', async () => {
    const session = await connect();
    const waiting = [apns.waitForPush(2, 1000), apns.waitForPush((push) => push.token === token(2), 1000)] as const;
    await push(session, 1);
    await push(session, 2);
    const [both, second] = await Promise.all(waiting);
    expect([both.length, second.token]).toEqual([2, token(2)]);
    expect(await apns.waitForPush(1, 0)).toHaveLength(2);
  });

  it('says what came instead when waiting is in vain', async () => {
    apns.mark(token(1), 'dead');
    const session = await connect();
    await push(session, 1);
    await push(session, 2);
    await expect(apns.waitForPush(2, 20)).rejects.toThrow(
      'The APNs stand-in waited 20 ms for 2 pushes: 1 taken, 2 requests on 1 connections, 0 in flight; ' +
        '200 x1, 410 Unregistered x1',
    );
  });

  it('counts PINGs', async () => {
    const session = await connect();
    await new Promise((pong) => session.ping(pong));
    expect(apns.counts.pings).toBe(1);
  });

  it('keeps counts only when told so', async () => {
    const seen: string[] = [];
    const light = await startApnsGateway({ credentials, record: false, onPush: (push) => seen.push(push.token) });
    const session = await openSession(light.url, { ca: credentials.authority.cert, ...credentials.apnsClient });
    await push(session, 1);
    await light.waitForPush(1, 1000);
    expect([light.received.length, light.requests.length, light.counts.accepted]).toEqual([0, 0, 1]);
    expect(seen).toEqual([token(1)]);
    session.destroy();
    await light.close();
  });

  it('closes with requests in flight', async () => {
    const busy = await startApnsGateway({ credentials });
    busy.faults.all({ kind: 'stall' });
    const session = await openSession(busy.url, { ca: credentials.authority.cert, ...credentials.apnsClient });
    const stalled = outcome(push(session));
    await sleep(30);
    await busy.close();
    expect(typeof (await stalled)).toBe('string');
    expect(busy.openConnections).toBe(0);
  });
});
