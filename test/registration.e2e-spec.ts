import { describe, expect, it, vi } from 'vitest';
import { type JsonObject } from '../src/encoding/json.js';
import { Device } from '../src/devices/device.entity.js';
import { MAX_DEVICES_PER_SESSION_ID } from '../src/devices/devices.service.js';
import { describeEachDatabase } from './support/databases.js';
import { newAndroidToken, newData, newHuaweiToken, newId, newIosToken } from './support/people.js';
import { useServer } from './support/test-server.js';
import { storedId } from './support/stored.js';

const SUCCESS = { status: 200, body: { code: 1, message: 'Success' } };
const bad = (message: string) => ({ status: 400, body: { code: 0, message } });
const MISSING = bad('Missing parameter');

describeEachDatabase('registration', (databases) => {
  const suite = useServer(databases);

  it.each(['register', 'register_legacy_groups_only'])('%s succeeds, also when it is repeated', async (command) => {
    const args = { token: newIosToken(), pubKey: newId(), device: 'ios' };
    for (let time = 0; time < 3; time++) expect(await suite.server.send(command, args)).toEqual(SUCCESS);
    const rows = await suite.server.dataSource.getRepository(Device).findBy({ sessionId: storedId(args.pubKey) });
    expect(rows.map(({ token }) => token)).toEqual([args.token]);
  });

  it.each<[string, string, JsonObject]>([
    ['register', 'without anything', {}],
    ['register', 'without a token', { pubKey: newId() }],
    ['register', 'without a pubKey', { token: newIosToken() }],
    ['register', 'with an empty token', { token: '', pubKey: newId() }],
    ['register', 'with a null pubKey', { token: newIosToken(), pubKey: null }],
    ['register', 'with a pubKey of 0', { token: newIosToken(), pubKey: 0 }],
    ['register_legacy_groups_only', 'without a token', { pubKey: newId(), legacyGroupPublicKeys: [] }],
    ['register_legacy_groups_only', 'without a pubKey', { token: newIosToken() }],
    ['unregister', 'without a token', {}],
    ['unregister', 'with an empty token', { token: '' }],
    ['subscribe_closed_group', 'without a group', { pubKey: newId() }],
    ['subscribe_closed_group', 'without a pubKey', { closedGroupPublicKey: newId() }],
    ['unsubscribe_closed_group', 'without a group', { pubKey: newId() }],
    ['unsubscribe_closed_group', 'without a pubKey', { closedGroupPublicKey: newId() }],
    ['notify', 'without data', { send_to: newId() }],
    ['notify', 'with empty data', { send_to: newId(), data: '' }],
    ['notify', 'without a recipient', { data: newData() }],
  ])('%s %s misses a parameter', async (command, _how, args) => {
    for (const version of ['v2', 'v4'] as const) {
      expect(await suite.server.send(command, args, { version })).toEqual(MISSING);
    }
  });

  it('unregister removes the token and says so when there is none', async () => {
    const token = newAndroidToken();
    await suite.server.register(newId(), token);
    expect(await suite.server.send('unregister', { token })).toEqual(SUCCESS);
    expect(await suite.server.device(token)).toBeNull();
    expect(await suite.server.send('unregister', { token })).toEqual({
      status: 200,
      body: { code: 0, message: 'Session id was not registered before.' },
    });
  });

  it.each([
    ['ios', newIosToken],
    ['android', newAndroidToken],
    ['huawei', newHuaweiToken],
    ['unknown', newAndroidToken],
  ])('takes the device %s', async (device, newToken) => {
    const token = newToken();
    await suite.server.register(newId(), token, device);
    expect((await suite.server.device(token))?.deviceType).toBe(device);
  });

  it.each(['iOS', 'IOS', 'windows', 7, true, ['ios']])('refuses the device %j', async (device) => {
    const args = { token: newIosToken(), pubKey: newId(), device };
    expect(await suite.server.send('register', args)).toEqual(bad('device must be ios, android, huawei or unknown'));
    expect(await suite.server.device(args.token)).toBeNull();
  });

  it.each([undefined, null])(
    'with the device %s is for iOS when the token has 64 characters, else for Android',
    async (device) => {
      const tokens = { ios: newIosToken(), shorter: newIosToken().slice(2), longer: `${newIosToken()}ab` };
      for (const token of Object.values(tokens)) {
        const args = { token, pubKey: newId(), ...(device === undefined ? {} : { device }) };
        expect(await suite.server.send('register', args)).toEqual(SUCCESS);
      }
      expect((await suite.server.device(tokens.ios))?.deviceType).toBe('ios');
      expect((await suite.server.device(tokens.shorter))?.deviceType).toBe('android');
      expect((await suite.server.device(tokens.longer))?.deviceType).toBe('android');
    },
  );

  it('moves a token to its newest owner', async () => {
    const [former, newest, token] = [newId(), newId(), newIosToken()];
    await suite.server.register(former, token);
    await suite.server.register(newest, token);
    await suite.server.notify(former, newData());
    const data = newData();
    await suite.server.notify(newest, data);
    await suite.server.idle();
    expect(suite.gateways.apns.received.map(({ body }) => body.ENCRYPTED_DATA)).toEqual([data]);
  });

  it('leaves a token with one owner when several claim it at the same moment', async () => {
    const [token, owners] = [newIosToken(), Array.from({ length: 20 }, newId)];
    await Promise.all(owners.map((owner) => suite.server.register(owner, token)));
    for (const owner of owners) await suite.server.notify(owner, newData());
    await suite.server.idle();
    expect(suite.gateways.apns.received).toHaveLength(1);
  });

  it.each(['register', 'register_legacy_groups_only'])(
    'takes one iOS token for one device, however often %s spells it differently',
    async (command) => {
      const [pubKey, group] = [newId(), newId()];
      const token = `aB${newIosToken().slice(2)}`;
      for (const spelling of [token, token.toUpperCase(), token.toLowerCase()]) {
        const args = { pubKey, token: spelling, device: 'ios', legacyGroupPublicKeys: [group] };
        expect(await suite.server.send(command, args)).toEqual(SUCCESS);
      }
      await suite.server.send('subscribe_closed_group', { closedGroupPublicKey: group, pubKey });
      await suite.server.notify(group, newData());
      await suite.server.idle();
      expect(suite.gateways.apns.received.map((push) => push.token)).toEqual([token.toLowerCase()]);
      expect(await suite.server.send('unregister', { token: token.toUpperCase() })).toEqual(SUCCESS);
      expect(await suite.server.device(token.toLowerCase())).toBeNull();
    },
  );

  it('leaves the device of another kind alone whose token is spelled almost like the one that is unregistered', async () => {
    const token = 'ab'.repeat(30);
    await suite.server.register(newId(), token, 'android');
    expect((await suite.server.send('unregister', { token: token.toUpperCase() })).body).toMatchObject({ code: 0 });
    expect(await suite.server.device(token)).not.toBeNull();
  });

  it('tells tokens and ids apart by their case', async () => {
    const token = `${newAndroidToken()}a`;
    const other = `${token.slice(0, -1)}A`;
    const [lower, upper] = [`05${'ab'.repeat(32)}`, `05${'AB'.repeat(32)}`];
    await suite.server.register(lower, token);
    await suite.server.register(upper, other);
    await suite.server.notify(upper, newData());
    await suite.server.idle();
    expect(suite.gateways.fcm.received.map((push) => push.token)).toEqual([other]);
  });

  describe('is bounded:', () => {
    it.each<[string, JsonObject, string]>([
      ['a token of 1,025 characters', { token: 'x'.repeat(1025) }, 'token must be at most 1024 characters'],
      ['an id of 256 characters', { pubKey: 'x'.repeat(256) }, 'pubKey must be at most 255 characters'],
      ['a token with a space', { token: 'a b' }, 'token must be printable ASCII without spaces'],
      ['a token with a line break', { token: 'a\r\nb' }, 'token must be printable ASCII without spaces'],
      ['an id that is not ASCII', { pubKey: '05äöü' }, 'pubKey must be printable ASCII without spaces'],
      ['an id with a zero byte', { pubKey: '05\u0000' }, 'pubKey must be printable ASCII without spaces'],
      ['a token that is a number', { token: 7 }, 'token must be a string'],
      ['an id that is a list', { pubKey: ['x'] }, 'pubKey must be a string'],
      [
        'an iOS token that would leave its URL',
        { token: '../../x', device: 'ios' },
        'an ios token must be hexadecimal',
      ],
      ['64 characters that are not hexadecimal', { token: 'x'.repeat(64) }, 'an ios token must be hexadecimal'],
    ])('refuses %s', async (_what, args, message) => {
      const all = { token: newAndroidToken(), pubKey: newId(), ...args };
      expect(await suite.server.send('register', all)).toEqual(bad(message));
    });

    it('takes a token of 1,024 and an id of 255 characters', async () => {
      const [token, pubKey] = [`t${'x'.repeat(1023)}`, `i${'y'.repeat(254)}`];
      await suite.server.register(pubKey, token);
      await suite.server.notify(pubKey, newData());
      expect((await suite.gateways.fcm.waitForPush(1))[0]?.token).toBe(token);
      expect(await suite.server.send('unregister', { token })).toEqual(SUCCESS);
    });

    it(`keeps ${MAX_DEVICES_PER_SESSION_ID} devices of an id, and its owner's new one is among them`, async () => {
      const pubKey = newId();
      const [old, fresh] = [newAndroidToken(), newAndroidToken()];
      await suite.server.register(pubKey, old);
      await suite.server.notify(pubKey, newData());
      await suite.gateways.fcm.waitForPush(1);
      await vi.waitUntil(async () => (await suite.server.device(old))?.acceptedAt, { timeout: 10_000 });
      const junk = Array.from({ length: MAX_DEVICES_PER_SESSION_ID }, newAndroidToken);
      await Promise.all(junk.map((token) => suite.server.register(pubKey, token)));
      expect(await suite.server.send('register', { pubKey, token: fresh })).toEqual(SUCCESS);
      expect(await suite.server.device(old)).not.toBeNull();
      expect(await suite.server.device(fresh)).not.toBeNull();
      const devices = suite.server.dataSource.getRepository(Device);
      expect(await devices.countBy({ sessionId: storedId(pubKey) })).toBe(MAX_DEVICES_PER_SESSION_ID);
      expect(await suite.server.send('register', { pubKey, token: junk[9] ?? '' })).toEqual(SUCCESS);
    });
  });
});
