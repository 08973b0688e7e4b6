import { describe, expect, it } from 'vitest';
import { apnsError } from '../gateways/apns.answers.js';
import { fcmErrors } from '../gateways/fcm.answers.js';
import { huaweiAnswer } from '../gateways/huawei.answers.js';
import { describeEachDatabase } from './support/databases.js';
import { type AnyGateway } from './support/gateways.js';
import { newAndroidToken, newHuaweiToken, newId, newIosToken } from './support/people.js';
import { useServer } from './support/test-server.js';

const APS =
  '{"aps":{"alert":{"title":"Session","body":"You\'ve got a new message"},"badge":1,"sound":"default",' +
  '"mutable-content":1,"category":"SECRET"}';

describeEachDatabase('content that does not fit', (databases) => {
  const suite = useServer(databases);

  /** What the device's gateway got. */
  async function contentAt(provider: 'apns' | 'fcm' | 'huawei', data: string): Promise<string> {
    const newToken = { apns: newIosToken, fcm: newAndroidToken, huawei: newHuaweiToken }[provider];
    const kind = { apns: 'ios', fcm: 'android', huawei: 'huawei' }[provider];
    const [id, token] = [newId(), newToken()];
    await suite.server.register(id, token, kind);
    await suite.server.notify(id, data);
    await suite.server.idle();
    const { received }: AnyGateway = suite.gateways[provider];
    expect(received.map((push) => push.token)).toEqual([token]);
    return received[0]?.rawBody.toString() ?? '';
  }

  it('ends after 3,926 characters at APNs, and the same push goes out without it', async () => {
    expect(await contentAt('apns', 'x'.repeat(3926))).toContain('x'.repeat(3926));
    await suite.gateways.reset();
    expect(await contentAt('apns', 'x'.repeat(3927))).toBe(`${APS},"remote":1}`);
  });

  it('ends after 4,082 characters at FCM, and the push says that there is something', async () => {
    expect(await contentAt('fcm', 'x'.repeat(4082))).toContain('x'.repeat(4082));
    await suite.gateways.reset();
    const { message } = JSON.parse(await contentAt('fcm', 'x'.repeat(4083))) as { message: Record<string, unknown> };
    expect(message['data']).toEqual({ remote: '1' });
    expect(message['android']).toMatchObject({ priority: 'high' });
  });

  it('ends near 4,000 characters at HMS, and the push is a map without it', async () => {
    expect(await contentAt('huawei', 'x'.repeat(3990))).toContain('x'.repeat(3990));
    await suite.gateways.reset();
    const { message } = JSON.parse(await contentAt('huawei', 'x'.repeat(4023))) as { message: Record<string, unknown> };
    expect(message['data']).toBe('{"remote":"1"}');
    expect(message['android']).toMatchObject({ urgency: 'HIGH' });
  });

  it('is measured in bytes, not in characters', async () => {
    expect(await contentAt('apns', '🦊'.repeat(1000))).toBe(`${APS},"remote":1}`);
    expect(await contentAt('fcm', 'ä'.repeat(2100))).toContain('"remote":"1"');
    expect(await contentAt('huawei', '你'.repeat(1400))).toContain('{\\"remote\\":\\"1\\"}');
  });

  describe.each([
    ['10 KiB', 10_240],
    ['300 KB', 300_000],
    ['nearly 1 MiB', 1_000_000],
  ])('of %s', (_size, length) => {
    it.each(['apns', 'fcm', 'huawei'] as const)('wakes the phone at %s', async (provider) => {
      const raw = await contentAt(provider, 'x'.repeat(length));
      expect(raw).not.toContain('x'.repeat(20));
      expect(raw).toContain('remote');
    });
  });

  it('does not keep another device from getting what fits there', async () => {
    const id = newId();
    await suite.server.register(id, newIosToken());
    await suite.server.register(id, newAndroidToken());
    const data = 'x'.repeat(4000);
    await suite.server.notify(id, data);
    await suite.server.idle();
    expect(suite.gateways.apns.received[0]?.body).not.toHaveProperty('ENCRYPTED_DATA');
    expect(suite.gateways.fcm.received[0]?.body.message.data).toEqual({ ENCRYPTED_DATA: data });
  });

  it('is left out when the provider itself finds it too large', async () => {
    const { apns, fcm, huawei } = suite.gateways;
    const [id, data] = [newId(), 'x'.repeat(1000)];
    const tokens = { ios: newIosToken(), android: newAndroidToken(), huawei: newHuaweiToken() };
    for (const [kind, token] of Object.entries(tokens)) await suite.server.register(id, token, kind);
    apns.faults.next(1, { kind: 'answer', answer: apnsError('PayloadTooLarge') });
    fcm.faults.next(1, { kind: 'answer', answer: fcmErrors.tooBig() });
    huawei.faults.next(1, { kind: 'answer', answer: huaweiAnswer('80300008') });
    await suite.server.notify(id, data);
    await suite.server.idle();
    for (const { received } of suite.gateways.legacy) {
      expect(received).toHaveLength(1);
      expect(received[0]?.rawBody.toString()).not.toContain(data);
    }
    for (const token of Object.values(tokens)) expect(await suite.server.device(token)).not.toBeNull();
  });
});
