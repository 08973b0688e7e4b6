import { describe, expect, it } from 'vitest';
import { type Gateway } from '../gateways/gateway.js';
import { type ReceivedPush } from '../gateways/recorder.js';
import { describeEachDatabase } from './support/databases.js';
import { newAndroidToken, newData, newHuaweiToken, newId, newIosToken } from './support/people.js';
import { useServer } from './support/test-server.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const DAY_S = 86_400;

/** Passed through as it is, whatever it is. Each fits all three providers. */
const CONTENTS: [string, string][] = [
  ['base64', newData()],
  ['text that needs escaping in JSON', '"\\/\b\f\n\r\t\u0000\u001f</script>'],
  ['letters of many alphabets', 'Grüße, 你好, здравствуйте, שלום'],
  ['characters beyond the first plane', '🦊🧅 𝒮𝑒𝓈𝓈𝒾𝑜𝓃'],
  ['text that looks like JSON', '{"ENCRYPTED_DATA":"x"}'],
  ['spaces', '   '],
  ['a single character', '0'],
];

describeEachDatabase('a push', (databases) => {
  const suite = useServer(databases);

  async function pushTo<Body>(
    gateway: Gateway<Body, string>,
    device: { token: string; kind: string },
    data: string,
  ): Promise<ReceivedPush<Body> & { path: string }> {
    const id = newId();
    await suite.server.register(id, device.token, device.kind);
    await suite.server.notify(id, data);
    const push = await gateway.waitForPush(({ token }) => token === device.token);
    await suite.server.idle();
    const path = gateway.requests.find(({ tokens }) => tokens.includes(device.token))?.path ?? '';
    return { ...push, path };
  }

  it('has exactly these bytes and headers at APNs', async () => {
    const [token, data] = [newIosToken(), newData()];
    const push = await pushTo(suite.gateways.apns, { token, kind: 'ios' }, data);
    expect(push.rawBody.toString()).toBe(
      '{"aps":{"alert":{"title":"Session","body":"You\'ve got a new message"},"badge":1,"sound":"default",' +
        `"mutable-content":1,"category":"SECRET"},"ENCRYPTED_DATA":"${data}","remote":1}`,
    );
    expect(push.path).toBe(`/3/device/${token}`);
    expect(push.headers).toMatchObject({
      'apns-topic': 'com.loki-project.loki-messenger',
      'apns-push-type': 'alert',
      'apns-priority': '10',
      'apns-id': expect.stringMatching(UUID),
      authorization: expect.stringMatching(/^bearer [\w-]+\.[\w-]+\.[\w-]+$/),
    });
    const left = Number(push.headers['apns-expiration']) - Date.now() / 1000;
    expect(left).toBeGreaterThan(DAY_S - 30);
    expect(left).toBeLessThanOrEqual(DAY_S);
  });

  it('has exactly these bytes at FCM', async () => {
    const [token, data] = [newAndroidToken(), newData()];
    const push = await pushTo(suite.gateways.fcm, { token, kind: 'android' }, data);
    const { ttl } = push.body.message.android ?? {};
    expect(push.rawBody.toString()).toBe(
      `{"message":{"token":"${token}","data":{"ENCRYPTED_DATA":"${data}"},` +
        `"android":{"priority":"high","ttl":"${ttl}"}}}`,
    );
    expect(parseInt(ttl ?? '', 10)).toBeGreaterThan(DAY_S - 30);
    expect(push.path).toBe('/v1/projects/stand-in-project/messages:send');
    expect(push.headers['content-type']).toMatch(/^application\/json/);
  });

  it('has exactly these bytes at HMS', async () => {
    const [token, data] = [newHuaweiToken(), newData()];
    const push = await pushTo(suite.gateways.huawei, { token, kind: 'huawei' }, data);
    const { ttl } = push.body.message.android ?? {};
    expect(push.rawBody.toString()).toBe(
      `{"validate_only":false,"message":{"data":"${data}","android":{"urgency":"HIGH","ttl":"${ttl}"},` +
        `"token":["${token}"]}}`,
    );
    expect(parseInt(ttl ?? '', 10)).toBeGreaterThan(DAY_S - 30);
    expect(push.path).toBe(`/v1/${suite.gateways.files.huaweiAppId}/messages:send`);
    expect(push.headers['content-type']).toBe('application/json;charset=utf-8');
  });

  it('with one authentication serves many', async () => {
    const id = newId();
    for (const [token, kind] of [
      [newIosToken(), 'ios'],
      [newAndroidToken(), 'android'],
      [newHuaweiToken(), 'huawei'],
    ] as const) {
      await suite.server.register(id, token, kind);
    }
    for (let time = 0; time < 5; time++) await suite.server.notify(id, newData());
    await suite.server.idle();
    const { apns, fcm, huawei } = suite.gateways;
    const authorizations = (gateway: { received: readonly ReceivedPush[] }) =>
      new Set(gateway.received.map(({ headers }) => headers['authorization']));
    for (const gateway of [apns, fcm, huawei]) {
      expect(gateway.received).toHaveLength(5);
      expect(authorizations(gateway).size).toBe(1);
    }
  });

  it('has an apns-id of its own for each notification and device', async () => {
    const id = newId();
    for (const token of [newIosToken(), newIosToken()]) await suite.server.register(id, token);
    for (let time = 0; time < 3; time++) await suite.server.notify(id, newData());
    const pushes = await suite.gateways.apns.waitForPush(6);
    expect(new Set(pushes.map(({ apnsId }) => apnsId)).size).toBe(6);
  });

  describe.each(CONTENTS)('carries %s untouched', (_what, data) => {
    it('to APNs', async () => {
      const push = await pushTo(suite.gateways.apns, { token: newIosToken(), kind: 'ios' }, data);
      expect(push.body.ENCRYPTED_DATA).toBe(data);
    });

    it('to FCM', async () => {
      const push = await pushTo(suite.gateways.fcm, { token: newAndroidToken(), kind: 'android' }, data);
      expect(push.body.message.data).toEqual({ ENCRYPTED_DATA: data });
    });

    it('to HMS', async () => {
      const push = await pushTo(suite.gateways.huawei, { token: newHuaweiToken(), kind: 'huawei' }, data);
      expect(push.body.message.data).toBe(data);
    });
  });
});
