import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { apnsError } from '../../gateways/apns.answers.js';
import { fcmErrors } from '../../gateways/fcm.answers.js';
import { type Fault } from '../../gateways/faults.js';
import { huaweiFlowControl } from '../../gateways/huawei.answers.js';
import { OutcomeCounter } from '../../src/delivery/outcomes/outcome-counter.js';
import { describeEachDatabase } from '../support/databases.js';
import { query } from '../support/query.js';
import { useServer } from '../support/test-server.js';
import {
  addPhone,
  arrival,
  contentsFor,
  newPhone,
  newPhones,
  type Phone,
  type Provider,
  PROVIDERS,
  push,
  receivedBy,
} from './phones.js';
import { sqlite } from './sqlite.js';

const HOUR_MS = 3_600_000;
const answering = (answer: Extract<Fault, { kind: 'answer' }>['answer']): Fault => ({ kind: 'answer', answer });

describe('a push that was never processed', () => {
  // A push that had to wait for its turn would come too late for the test.
  const suite = useServer(sqlite(), { tuning: { retryBaseMs: HOUR_MS, breakerMaxMs: HOUR_MS } });

  it.each<[string, Provider, Fault]>([
    ['REFUSED_STREAM', 'apns', { kind: 'reset', code: 'REFUSED_STREAM' }],
    ['GOAWAY above the last stream', 'apns', { kind: 'goaway', unprocessed: true }],
    ['REFUSED_STREAM', 'fcm', { kind: 'reset', code: 'REFUSED_STREAM' }],
    ['GOAWAY above the last stream', 'fcm', { kind: 'goaway', unprocessed: true }],
  ])('is sent again at once after %s at %s', async (_name, provider, fault) => {
    const phone = await newPhone(suite.server, provider);
    suite.gateways[provider].faults.next(1, fault);
    const data = await push(suite.server, phone);
    await arrival(suite.gateways, phone, data);
    expect(contentsFor(suite.gateways, phone)).toEqual([data]);
  });
});

describe('a push that is refused for a while', () => {
  const suite = useServer(sqlite(), { tuning: { pauseScale: 1 } });

  const requestsFor = (phone: Phone) =>
    suite.gateways[phone.provider].requests.filter(({ tokens }) => tokens.includes(phone.token));

  /** Milliseconds between the first and the second time that the phone was tried. */
  function pause(phone: Phone): number {
    const [first, second] = requestsFor(phone);
    return (second?.at ?? 0) - (first?.at ?? 0);
  }

  it('waits as long as Retry-After says of a device, and the other devices do not', async () => {
    const phone = await newPhone(suite.server, 'fcm');
    const other = await addPhone(suite.server, phone, 'fcm');
    const throttled = fcmErrors.quotaExceeded(1);
    const body = throttled.body?.replace('Quota exceeded for quota metric', 'Device quota exceeded for');
    suite.gateways.fcm.faults.forToken(phone.token, answering({ ...throttled, body }), 1);
    const first = await push(suite.server, phone);
    await arrival(suite.gateways, other, first, 900);
    // A second push for the device waits as well, although nothing was said about it.
    const second = await push(suite.server, phone);
    await arrival(suite.gateways, other, second, 900);
    expect(contentsFor(suite.gateways, phone)).toEqual([]);
    // The shortest pause for a device at FCM is a minute.
    const [row] = await suite.server.queued();
    expect((row?.availableAt ?? 0) - Date.now()).toBeGreaterThan(25_000);
    await suite.server.app.close();
    await query(suite.server.database, 'UPDATE queued_notifications SET available_at = 0');
    await suite.server.open();
    await suite.server.idle();
  });

  it.each<[Provider, Fault]>([
    ['apns', answering(apnsError('ServiceUnavailable', { retryAfterSeconds: 2 }))],
    ['huawei', answering(huaweiFlowControl(2))],
  ])('waits as long as Retry-After says at %s', async (provider, fault) => {
    await suite.server.restart();
    const phone = await newPhone(suite.server, provider);
    suite.gateways[provider].faults.forToken(phone.token, fault, 1);
    const data = await push(suite.server, phone);
    await arrival(suite.gateways, phone, data, 8000);
    expect(pause(phone)).toBeGreaterThanOrEqual(1990);
  });

  it('holds up the whole provider when Retry-After is about it, and nobody else', async () => {
    await suite.server.restart();
    const [first, second] = (await newPhones(suite.server, 'fcm', 2)) as [Phone, Phone];
    const others = [await newPhone(suite.server, 'apns'), await newPhone(suite.server, 'huawei')];
    suite.gateways.fcm.faults.next(1, answering(fcmErrors.quotaExceeded(2)));
    const begin = Date.now();
    const one = await push(suite.server, first);
    await vi.waitUntil(() => requestsFor(first).length > 0, { timeout: 10_000 });
    const two = await push(suite.server, second);
    for (const other of others) await arrival(suite.gateways, other, await push(suite.server, other), 1500);
    await arrival(suite.gateways, second, two, 8000);
    await arrival(suite.gateways, first, one, 8000);
    expect(Math.min(...receivedBy(suite.gateways, 'fcm').map(({ at }) => at)) - begin).toBeGreaterThanOrEqual(1990);
  });

  it('backs off further and further, with jitter', async () => {
    await suite.server.restart();
    const phones = await newPhones(suite.server, 'huawei', 4);
    suite.gateways.huawei.faults.next(20, { kind: 'answer', answer: { status: 500 } });
    await Promise.all(phones.map((phone) => push(suite.server, phone)));
    await suite.server.idle();
    const times = phones.map((phone) => requestsFor(phone).map(({ at }) => at));
    const gaps = times.flatMap((at) => at.slice(1).map((time, index) => time - (at[index] ?? time)));
    expect(Math.max(...gaps)).toBeGreaterThan(Math.min(...gaps));
    expect(suite.gateways.huawei.counts.accepted).toBe(4);
  });
});

describeEachDatabase('a push whose outcome is unknown', (databases) => {
  const suite = useServer(databases, {
    tuning: { drainMs: 300 },
    transports: { apns: { requestTimeoutMs: 1500 } },
  });

  it.each<[string, Fault]>([
    ['never answered', { kind: 'stall', accepted: true }],
    ['reset', { kind: 'reset', code: 'INTERNAL_ERROR', accepted: true }],
    ['cut', { kind: 'destroy', accepted: true }],
  ])('has one apns-id, which is its collapse id too, through all attempts when it is %s', async (_name, fault) => {
    const phone = await newPhone(suite.server, 'apns');
    const other = await addPhone(suite.server, phone, 'apns');
    suite.gateways.apns.faults.forToken(phone.token, fault, 2);
    await push(suite.server, phone);
    await suite.server.idle();
    const ids = receivedBy(suite.gateways, 'apns').filter(({ token }) => token === phone.token);
    expect(ids).toHaveLength(3);
    expect(new Set(ids.flatMap(({ headers }) => [headers['apns-id'], headers['apns-collapse-id']])).size).toBe(1);
    const others = receivedBy(suite.gateways, 'apns').filter(({ token }) => token === other.token);
    // What was on the same connection when it was cut is not certain either.
    expect(new Set(others.map(({ apnsId }) => apnsId)).size).toBe(1);
    expect(others[0]?.apnsId).not.toBe(ids[0]?.apnsId);
  });

  it('keeps its apns-id over a restart', async () => {
    const phone = await newPhone(suite.server, 'apns');
    suite.gateways.apns.faults.all({ kind: 'stall', accepted: true });
    const data = await push(suite.server, phone);
    await arrival(suite.gateways, phone, data);
    await suite.server.restart();
    suite.gateways.apns.faults.clear();
    await suite.server.idle();
    const ids = receivedBy(suite.gateways, 'apns').map(({ apnsId }) => apnsId);
    expect(ids.length).toBeGreaterThanOrEqual(2);
    expect(new Set(ids).size).toBe(1);
  });
});

describeEachDatabase('retries', (databases) => {
  const suite = useServer(databases);

  it.each(PROVIDERS)('at %s survive a restart', async (provider) => {
    const phones = await newPhones(suite.server, provider, 3);
    await suite.gateways[provider].stopListening();
    const sent = await Promise.all(phones.map((phone) => push(suite.server, phone)));
    await sleep(300);
    await suite.server.restart();
    await sleep(100);
    await suite.gateways[provider].listenAgain();
    await suite.server.idle();
    for (const [index, phone] of phones.entries()) expect(contentsFor(suite.gateways, phone)).toEqual([sent[index]]);
  });
});

describe('the time to live', () => {
  const TTL_S = 4;
  const suite = useServer(sqlite(), { env: { NOTIFICATION_TTL_HOURS: String(TTL_S / 3600) } });

  it('is told to each provider, less what has passed', async () => {
    const phone = await newPhone(suite.server, 'apns');
    const android = await addPhone(suite.server, phone, 'fcm');
    const huawei = await addPhone(suite.server, phone, 'huawei');
    const all = [phone, android, huawei];
    for (const { provider } of all) suite.gateways[provider].faults.next(1, { kind: 'reset', code: 'CANCEL' });
    const begin = Date.now();
    const data = await push(suite.server, phone);
    const toApns = await arrival(suite.gateways, phone, data);
    const toFcm = await arrival(suite.gateways, android, data);
    const toHuawei = await arrival(suite.gateways, huawei, data);
    const expiration = Number(toApns.headers['apns-expiration']);
    expect(expiration).toBeGreaterThanOrEqual(Math.floor(begin / 1000) + TTL_S);
    expect(expiration).toBeLessThanOrEqual(Math.floor(Date.now() / 1000) + TTL_S);
    for (const { body } of [toFcm, toHuawei]) {
      const { message } = body as { message: { android: { ttl: string } } };
      expect(Number(message.android.ttl.replace(/s$/, ''))).toBeGreaterThanOrEqual(TTL_S - 2);
      expect(Number(message.android.ttl.replace(/s$/, ''))).toBeLessThanOrEqual(TTL_S);
    }
  });

  it.each(PROVIDERS)(
    'ends tries at %s, also while nothing goes through, and what is over is counted',
    async (provider) => {
      suite.server.log.lines.length = 0;
      const phone = await newPhone(suite.server, provider);
      await suite.gateways[provider].stopListening();
      await push(suite.server, phone);
      expect(await suite.server.queued()).toHaveLength(1);
      // The breaker is open all the time; the queue is emptied all the same.
      await suite.server.idle(TTL_S * 1000 + 5000);
      await suite.gateways[provider].listenAgain();
      await sleep(300);
      expect(suite.gateways[provider].received).toEqual([]);
      suite.server.app.get(OutcomeCounter).report();
      expect(
        suite.server.log.find(`kind: 'expired', provider: '${provider}', reason: 'expired', count: 1`),
      ).toHaveLength(1);
    },
  );
});
