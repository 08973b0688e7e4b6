import { describe, expect, it, vi } from 'vitest';
import { apnsError } from '../gateways/apns.answers.js';
import { fcmErrors } from '../gateways/fcm.answers.js';
import { huaweiAllInvalid, huaweiAnswer } from '../gateways/huawei.answers.js';
import { type Answer } from '../gateways/messages.js';
import { DeliveryScheduler } from '../src/delivery/outcomes/delivery.scheduler.js';
import { describeOneDatabase } from './support/databases.js';
import { newAndroidToken, newData, newHuaweiToken, newId, newIosToken } from './support/people.js';
import { useServer } from './support/test-server.js';

type Provider = 'apns' | 'fcm' | 'huawei';
const NEW_TOKEN = { apns: newIosToken, fcm: newAndroidToken, huawei: newHuaweiToken };
const DEVICE = { apns: 'ios', fcm: 'android', huawei: 'huawei' };

describeOneDatabase('a dead token', (databases) => {
  // So many die here that the brake would hold.
  const suite = useServer(databases, { tuning: { removalHoldMs: 0, brakeFloor: 1000 } });

  async function newDevice(provider: Provider): Promise<{ id: string; token: string }> {
    const device = { id: newId(), token: NEW_TOKEN[provider]() };
    await suite.server.register(device.id, device.token, DEVICE[provider]);
    return device;
  }

  /** A push that is accepted: the provider takes what we send, so its word about one token counts. */
  async function acceptOne(provider: Provider): Promise<void> {
    const { id } = await newDevice(provider);
    await suite.server.notify(id, newData());
    await suite.server.idle();
  }

  /** What the scheduler does every second. */
  const decide = () => suite.server.app.get(DeliveryScheduler).decideAboutDeadTokens();
  const expectRemoved = (token: string) =>
    vi.waitUntil(() => decide().then(async () => (await suite.server.device(token)) === null), { timeout: 5000 });

  async function expectToStayAfter(provider: Provider, answer: Answer): Promise<void> {
    await acceptOne(provider);
    const { id, token } = await newDevice(provider);
    suite.gateways[provider].faults.forToken(token, { kind: 'answer', answer }, 1);
    await suite.server.notify(id, newData());
    await suite.server.idle();
    await decide();
    expect(await suite.server.device(token)).not.toBeNull();
  }

  describe.each<Provider>(['apns', 'fcm', 'huawei'])('at %s', (provider) => {
    it('is removed, and its id stays without it', async () => {
      await acceptOne(provider);
      const { id, token } = await newDevice(provider);
      suite.gateways[provider].mark(token, 'dead', { since: Date.now() + 1000 });
      await suite.server.notify(id, newData());
      await expectRemoved(token);
      await suite.server.notify(id, newData());
      await suite.server.idle();
      expect(suite.gateways[provider].requests.filter(({ tokens }) => tokens.includes(token))).toHaveLength(1);
    });

    it('stays when it was registered again meanwhile', async () => {
      await acceptOne(provider);
      const { id, token } = await newDevice(provider);
      suite.gateways[provider].latencyMs = 400;
      suite.gateways[provider].mark(token, 'dead', { since: Date.now() });
      await suite.server.notify(id, newData());
      await vi.waitUntil(() => suite.gateways[provider].counts.inFlight > 0, { timeout: 5000 });
      suite.gateways[provider].unmark(token);
      await suite.server.register(id, token, DEVICE[provider]);
      await suite.server.idle();
      await decide();
      expect(await suite.server.device(token)).not.toBeNull();
      suite.gateways[provider].latencyMs = 0;
      const data = newData();
      await suite.server.notify(id, data);
      await suite.server.idle();
      expect(suite.gateways[provider].received.at(-1)?.token).toBe(token);
    });
  });

  it('at APNs counts by the time that Apple names: a registration after it outweighs it', async () => {
    await acceptOne('apns');
    const { id, token } = await newDevice('apns');
    suite.gateways.apns.faults.forToken(
      token,
      { kind: 'answer', answer: apnsError('Unregistered', { timestamp: Date.now() - 3_600_000 }) },
      1,
    );
    await suite.server.notify(id, newData());
    await suite.server.idle();
    await decide();
    expect(await suite.server.device(token)).not.toBeNull();
    expect(suite.gateways.apns.received.at(-1)?.token).toBe(token);
  });

  it.each<[Provider, string, () => Answer]>([
    ['apns', 'BadDeviceToken', () => apnsError('BadDeviceToken')],
    ['apns', 'ExpiredToken', () => apnsError('ExpiredToken', { timestamp: Date.now() + 1000 })],
    ['fcm', 'INVALID_ARGUMENT about the token', fcmErrors.invalidRegistrationToken],
    ['fcm', 'INVALID_ARGUMENT naming the token field', fcmErrors.invalidRegistrationTokenField],
    ['huawei', '80300007', () => huaweiAnswer('80300007')],
    ['huawei', '80300007 tokenFormatError', () => huaweiAllInvalid({ tokenFormatError: ['x'] })],
  ])('at %s is also one with %s', async (provider, _reason, answer) => {
    await acceptOne(provider);
    const { id, token } = await newDevice(provider);
    suite.gateways[provider].faults.forToken(token, { kind: 'answer', answer: answer() });
    await suite.server.notify(id, newData());
    await expectRemoved(token);
  });

  it('at HMS is found among others in one request', async () => {
    await acceptOne('huawei');
    const id = newId();
    const tokens = [newHuaweiToken(), newHuaweiToken(), newHuaweiToken()] as const;
    for (const token of tokens) await suite.server.register(id, token, 'huawei');
    suite.gateways.huawei.mark(tokens[1], 'dead');
    await suite.server.notify(id, newData());
    await expectRemoved(tokens[1]);
    expect(await suite.server.device(tokens[0])).not.toBeNull();
    expect(await suite.server.device(tokens[2])).not.toBeNull();
  });

  it.each<[Provider, string, () => Answer]>([
    ['apns', 'DeviceTokenNotForTopic', () => apnsError('DeviceTokenNotForTopic')],
    ['apns', 'TooManyRequests', () => apnsError('TooManyRequests')],
    ['apns', 'InternalServerError', () => apnsError('InternalServerError')],
    ['apns', 'BadMessageId', () => apnsError('BadMessageId')],
    ['apns', 'Unregistered without a time', () => apnsError('Unregistered')],
    ['fcm', 'a 404 that is not UNREGISTERED', fcmErrors.projectNotFound],
    ['fcm', 'SENDER_ID_MISMATCH', fcmErrors.senderIdMismatch],
    ['fcm', 'THIRD_PARTY_AUTH_ERROR', fcmErrors.thirdPartyAuth],
    ['huawei', '80300007 noRight', () => huaweiAllInvalid({ noRight: ['x'] })],
    ['huawei', '80300002', () => huaweiAnswer('80300002')],
    ['huawei', '80100001', () => huaweiAnswer('80100001')],
  ])('at %s is not one with %s', async (provider, _reason, answer) => {
    await expectToStayAfter(provider, answer());
  });

  it('is not believed before the provider has accepted anything, unless the answer is about the app on the device', async () => {
    await suite.server.restart();
    const { id, token } = await newDevice('apns');
    suite.gateways.apns.faults.forToken(token, { kind: 'answer', answer: apnsError('BadDeviceToken') });
    await suite.server.notify(id, newData());
    await vi.waitUntil(() => suite.gateways.apns.requests.length > 0, { timeout: 5000 });
    await decide();
    expect(await suite.server.device(token)).not.toBeNull();
    await acceptOne('apns');
    await expectRemoved(token);
  });
});

describeOneDatabase('many dead tokens at once', (databases) => {
  const suite = useServer(databases);

  it('are kept as suspects, because it is more likely that the settings are wrong', async () => {
    const { fcm } = suite.gateways;
    const ids = Array.from({ length: 20 }, newId);
    const tokens = ids.map(newAndroidToken);
    for (const [index, id] of ids.entries()) await suite.server.register(id, tokens[index] ?? '');
    // Only what FCM took pushes for says something about the settings.
    await Promise.all(ids.map((id) => suite.server.notify(id, newData())));
    await suite.server.idle();
    for (const token of tokens) await vi.waitUntil(async () => (await suite.server.device(token))?.acceptedAt);
    fcm.faults.all({ kind: 'answer', answer: fcmErrors.unregistered() });
    await Promise.all(ids.map((id) => suite.server.notify(id, newData())));
    await vi.waitUntil(() => suite.server.log.find('too many tokens are called dead').length > 0, { timeout: 5000 });
    for (const token of tokens) expect(await suite.server.device(token)).not.toBeNull();
    fcm.faults.clear();
    await Promise.all(ids.map((id) => suite.server.notify(id, newData())));
    await suite.server.idle();
    // What was called dead wrongly arrives too.
    expect(fcm.received).toHaveLength(3 * ids.length);
  });
});
