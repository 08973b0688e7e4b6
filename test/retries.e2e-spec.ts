import { describe, expect, it } from 'vitest';
import { apnsError } from '../gateways/apns.answers.js';
import { fcmErrors } from '../gateways/fcm.answers.js';
import { type Fault } from '../gateways/faults.js';
import { huaweiAnswer, huaweiFlowControl } from '../gateways/huawei.answers.js';
import { type Answer } from '../gateways/messages.js';
import { DeliveryScheduler } from '../src/delivery/outcomes/delivery.scheduler.js';
import { describeOneDatabase } from './support/databases.js';
import { newAndroidToken, newData, newHuaweiToken, newId, newIosToken } from './support/people.js';
import { useServer } from './support/test-server.js';

type Provider = 'apns' | 'fcm' | 'huawei';
const PROVIDERS: Provider[] = ['apns', 'fcm', 'huawei'];
const NEW_TOKEN = { apns: newIosToken, fcm: newAndroidToken, huawei: newHuaweiToken };
const DEVICE = { apns: 'ios', fcm: 'android', huawei: 'huawei' };
const answering = (answer: Answer): Fault => ({ kind: 'answer', answer });

describeOneDatabase('a push that fails for now', (databases) => {
  const suite = useServer(databases);

  async function newDevice(provider: Provider): Promise<{ id: string; token: string }> {
    const device = { id: newId(), token: NEW_TOKEN[provider]() };
    await suite.server.register(device.id, device.token, DEVICE[provider]);
    return device;
  }

  it.each<[Provider, string, () => Fault]>([
    ['apns', '500 InternalServerError', () => answering(apnsError('InternalServerError'))],
    ['apns', '503 ServiceUnavailable', () => answering(apnsError('ServiceUnavailable'))],
    ['apns', '429 TooManyRequests', () => answering(apnsError('TooManyRequests'))],
    ['apns', '403 InvalidProviderToken', () => answering(apnsError('InvalidProviderToken'))],
    ['apns', '400 DeviceTokenNotForTopic', () => answering(apnsError('DeviceTokenNotForTopic'))],
    ['apns', 'an answer that is not documented', () => answering({ status: 418, body: 'teapot' })],
    ['apns', 'REFUSED_STREAM', () => ({ kind: 'reset', code: 'REFUSED_STREAM' })],
    ['apns', 'a cut connection', () => ({ kind: 'destroy' })],
    ['apns', 'GOAWAY', () => ({ kind: 'goaway', unprocessed: true })],
    ['fcm', '503 with Retry-After', () => answering(fcmErrors.unavailable(1))],
    ['fcm', '429 with Retry-After', () => answering(fcmErrors.quotaExceeded(1))],
    ['fcm', '401 about our access token', () => answering(fcmErrors.unauthenticated())],
    ['fcm', 'a cut connection', () => ({ kind: 'destroy' })],
    ['fcm', 'REFUSED_STREAM', () => ({ kind: 'reset', code: 'REFUSED_STREAM' })],
    ['huawei', '81000001', () => answering(huaweiAnswer('81000001'))],
    ['huawei', '80200003, an access token that ended', () => answering(huaweiAnswer('80200003'))],
    ['huawei', 'flow control', () => answering(huaweiFlowControl(1))],
    ['huawei', 'a cut connection', () => ({ kind: 'destroy' })],
  ])('at %s with %s arrives later, once', async (provider, _what, fault) => {
    const { id, token } = await newDevice(provider);
    const data = newData();
    suite.gateways[provider].faults.next(2, fault());
    await suite.server.notify(id, data);
    await suite.server.idle();
    expect(suite.gateways[provider].received.map((push) => push.token)).toEqual([token]);
    expect(suite.gateways[provider].received[0]?.rawBody.toString()).toContain(data);
    expect(await suite.server.device(token)).not.toBeNull();
  });

  it('is repeated with the same apns-id when its outcome is unknown', async () => {
    const { id } = await newDevice('apns');
    suite.gateways.apns.faults.next(1, { kind: 'destroy', accepted: true });
    await suite.server.notify(id, newData());
    await suite.server.idle();
    const ids = suite.gateways.apns.received.map(({ apnsId, headers }) => [apnsId, headers['apns-collapse-id']]);
    expect(ids).toHaveLength(2);
    expect(ids[0]).toEqual(ids[1]);
  });

  it('for one device does not repeat it for the others', async () => {
    const id = newId();
    const tokens = [newIosToken(), newIosToken(), newAndroidToken()];
    for (const token of tokens) await suite.server.register(id, token);
    suite.gateways.apns.faults.forToken(tokens[0] ?? '', answering(apnsError('TooManyRequests')), 1);
    await suite.server.notify(id, newData());
    await suite.server.idle();
    const { apns, fcm } = suite.gateways;
    expect([...apns.received, ...fcm.received].map(({ token }) => token).toSorted()).toEqual(tokens.toSorted());
  });

  it('does not hold up the other providers', async () => {
    const id = newId();
    for (const provider of PROVIDERS) await suite.server.register(id, NEW_TOKEN[provider](), DEVICE[provider]);
    suite.gateways.apns.faults.all(answering(apnsError('ServiceUnavailable')));
    for (let time = 0; time < 10; time++) await suite.server.notify(id, newData());
    await suite.gateways.fcm.waitForPush(10);
    await suite.gateways.huawei.waitForPush(10);
    expect(suite.gateways.apns.received).toEqual([]);
    suite.gateways.apns.faults.clear();
    await suite.gateways.apns.waitForPush(10);
  });

  it('says once why, and once when it is over', async () => {
    const { log } = suite.server;
    log.lines.length = 0;
    const { id } = await newDevice('apns');
    suite.gateways.apns.faults.next(8, answering(apnsError('InvalidProviderToken')));
    await suite.server.notify(id, newData());
    await suite.server.idle();
    expect(log.find('provider is unhealthy')).toHaveLength(1);
    expect(log.find('check APNS_TOKEN_KEY_FILE, APNS_TOKEN_KEY_ID and APNS_TOKEN_TEAM_ID')).toHaveLength(1);
    expect(log.find('provider works again')).toHaveLength(1);
  });

  describe('and is refused for good', () => {
    it.each<[Provider, string, () => Fault]>([
      ['apns', 'BadMessageId', () => answering(apnsError('BadMessageId'))],
      ['huawei', '80100016', () => answering(huaweiAnswer('80100016'))],
    ])('at %s with %s is dropped, and the token stays', async (provider, _what, fault) => {
      const { id, token } = await newDevice(provider);
      suite.gateways[provider].faults.next(1, fault());
      await suite.server.notify(id, newData());
      await suite.server.idle();
      expect(suite.gateways[provider].counts.requests).toBeLessThanOrEqual(2);
      expect(suite.gateways[provider].received).toEqual([]);
      expect(await suite.server.device(token)).not.toBeNull();
    });
  });
});

describeOneDatabase('a push that has waited too long', (databases) => {
  const suite = useServer(databases, { env: { NOTIFICATION_TTL_HOURS: String(1 / 3600) } });

  it('is dropped and counted', async () => {
    const id = newId();
    for (const provider of PROVIDERS) await suite.server.register(id, NEW_TOKEN[provider](), DEVICE[provider]);
    const { all } = suite.gateways;
    await Promise.all(all.map((gateway) => gateway.stopListening()));
    await suite.server.notify(id, newData());
    await suite.server.idle();
    suite.server.app.get(DeliveryScheduler).reportDrops();
    expect(suite.server.log.find("kind: 'expired'")).not.toEqual([]);
    await Promise.all(all.map((gateway) => gateway.listenAgain()));
    for (const gateway of all) expect(gateway.received).toEqual([]);
    await suite.server.restart();
    for (const gateway of all) expect(gateway.received).toEqual([]);
  });
});

describeOneDatabase('a push for a provider that is not configured', (databases) => {
  const suite = useServer(databases, {
    env: { FCM_SERVICE_ACCOUNT_FILE: '', HUAWEI_APP_ID: '', HUAWEI_APP_SECRET: '' },
  });

  it('is dropped without a retry, and the others go out', async () => {
    const id = newId();
    for (const provider of PROVIDERS) await suite.server.register(id, NEW_TOKEN[provider](), DEVICE[provider]);
    await suite.server.notify(id, newData());
    await suite.server.idle();
    suite.server.app.get(DeliveryScheduler).reportDrops();
    expect(suite.server.log.find("kind: 'unconfigured'")).toHaveLength(2);
    expect(suite.gateways.apns.received).toHaveLength(1);
    expect(suite.gateways.fcm.counts.requests + suite.gateways.huawei.counts.requests).toBe(0);
    // The provider may be configured tomorrow: its devices stay.
    const rows = await suite.server.dataSource.query<unknown[]>('SELECT token FROM devices');
    expect(rows).toHaveLength(3);
  });
});
