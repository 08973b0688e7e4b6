import { describe, expect, it } from 'vitest';
import { Channel } from '../src/onion/protocol/channel.js';
import { type JsonObject } from '../src/encoding/json.js';
import { generateKeyPair } from '../src/onion/protocol/key-agreement.js';
import { type OnionVersion } from '../src/onion/protocol/onion-client.js';
import { describeEachDatabase } from './support/databases.js';
import { newAndroidToken, newData, newHuaweiToken, newId, newIosToken } from './support/people.js';
import { useServer } from './support/test-server.js';

/** What clients of the original server rely on, one test each. */
describeEachDatabase('kept from the original:', (databases) => {
  const suite = useServer(databases);

  /** The plaintext of the reply, to the byte. */
  async function plaintextOf(version: OnionVersion, endpoint: string, args: JsonObject): Promise<string> {
    const keyPair = generateKeyPair();
    const { onion } = suite.server;
    const { path, body } = onion.seal(endpoint, args, { version, keyPair, encType: 'aes-gcm' });
    const answer = await onion.post(path, body);
    const sealed =
      version === 'v4'
        ? answer.body
        : Buffer.from((JSON.parse(answer.body.toString()) as { result: string }).result, 'base64');
    return String(Channel.ofClient(keyPair, onion.serverPublicKey, 'aes-gcm')?.open(sealed));
  }

  const newRegistration = () => ({ token: newIosToken(), pubKey: newId() });

  it('a version 4 reply is bencode with an integer code and the literal content type', async () => {
    expect(await plaintextOf('v4', '/register', newRegistration())).toBe(
      'l62:{"code": 200, "headers": {"content-type": "application/json"}}33:{"code": 1, "message": "Success"}e',
    );
  });

  it('a version 2 reply is JSON whose body is an object', async () => {
    expect(await plaintextOf('v2', 'register', newRegistration())).toBe(
      '{"status": 200, "body": {"code": 1, "message": "Success"}}',
    );
  });

  it('a version 4 HTTP body is raw bytes, a version 2 one JSON with standard base64 and a line end', async () => {
    const { onion } = suite.server;
    const four = onion.seal('unregister', { token: 'x' });
    const two = onion.seal('unregister', { token: 'x' }, { version: 'v2' });
    const reply = (await onion.post(two.path, two.body)).body.toString();
    expect(reply).toMatch(/^\{"result":"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"\}\n$/);
    expect(
      four.context.channel
        .open((await onion.post(four.path, four.body)).body)
        ?.subarray(0, 1)
        .toString(),
    ).toBe('l');
  });

  it('no answer carries an inner 401, 406 or 425, which mean other things to clients', async () => {
    const commands = ['register', 'unregister', 'notify', 'subscribe_closed_group', 'unsubscribe_closed_group', 'nope'];
    for (const command of commands) expect((await suite.server.send(command, {})).status).toBe(400);
  });

  it('"was not registered" and "cannot find the group" are code 0 with status 200', async () => {
    expect(await suite.server.send('unregister', { token: newIosToken() })).toEqual({
      status: 200,
      body: { code: 0, message: 'Session id was not registered before.' },
    });
    const membership = { closedGroupPublicKey: newId(), pubKey: newId() };
    expect(await suite.server.send('unsubscribe_closed_group', membership)).toEqual({
      status: 200,
      body: { code: 0, message: 'Cannot find the closed group id on PN server.' },
    });
  });

  it('a request without a cipher is AES-GCM', async () => {
    const reply = await suite.server.send('register', newRegistration(), { encType: 'aes-gcm' });
    expect(reply.body).toEqual({ code: 1, message: 'Success' });
  });

  it('64 characters without a device mean iOS', async () => {
    const { token, pubKey } = newRegistration();
    await suite.server.register(pubKey, token);
    await suite.server.notify(pubKey, newData());
    expect((await suite.gateways.apns.waitForPush(1))[0]?.token).toBe(token);
  });

  it('10,240 characters of data are accepted', async () => {
    const { pubKey, token } = newRegistration();
    await suite.server.register(pubKey, token);
    await suite.server.notify(pubKey, 'x'.repeat(10_240));
    expect((await suite.gateways.apns.waitForPush(1))[0]?.token).toBe(token);
  });

  describe('the pushes have the field names and texts that the apps read:', () => {
    it('APNs', async () => {
      const [pubKey, data] = [newId(), newData()];
      await suite.server.register(pubKey, newIosToken());
      await suite.server.notify(pubKey, data);
      const [push] = await suite.gateways.apns.waitForPush(1);
      expect(push?.body).toEqual({
        aps: {
          alert: { title: 'Session', body: "You've got a new message" },
          badge: 1,
          sound: 'default',
          'mutable-content': 1,
          category: 'SECRET',
        },
        ENCRYPTED_DATA: data,
        remote: 1,
      });
    });

    it('FCM', async () => {
      const [pubKey, data] = [newId(), newData()];
      await suite.server.register(pubKey, newAndroidToken());
      await suite.server.notify(pubKey, data);
      const [push] = await suite.gateways.fcm.waitForPush(1);
      expect(push?.body.message.data).toEqual({ ENCRYPTED_DATA: data });
      expect(push?.body.message.android?.priority).toBe('high');
      expect(push?.body.message).not.toHaveProperty('notification');
    });

    it('HMS, where the data stands bare', async () => {
      const [pubKey, data] = [newId(), newData()];
      await suite.server.register(pubKey, newHuaweiToken(), 'huawei');
      await suite.server.notify(pubKey, data);
      const [push] = await suite.gateways.huawei.waitForPush(1);
      expect(push?.body.message.data).toBe(data);
      expect(push?.body.message.android?.urgency).toBe('HIGH');
    });
  });
});
