import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { apnsError } from '../../gateways/apns.answers.js';
import { Device } from '../../src/devices/device.entity.js';
import { SuspectToken } from '../../src/devices/suspect-token.entity.js';
import {
  addPhone,
  arrival,
  contentsFor,
  newPhone,
  newKnownPhones,
  newPhones,
  type Phone,
  PROVIDERS,
  proveWell,
  push,
} from '../faults/phones.js';
import { describeEachDatabase } from '../support/databases.js';
import { Metrics } from '../support/metrics.js';
import { newData, newId } from '../support/people.js';
import { rawBytes } from '../support/raw-storage.js';
import { sealingOf } from '../support/data-keys.js';
import { useServer } from '../support/test-server.js';
import { storedToken } from '../support/stored.js';

const SUCCESS = { status: 200, body: { code: 1, message: 'Success' } };

describeEachDatabase('a server with a data key', (databases) => {
  const folder = mkdtempSync(join(tmpdir(), 'spns-sealed-'));
  const file = join(folder, 'data.key');
  const suite = useServer(databases, { env: { DATA_KEY_FILE: file }, tuning: { brakeFloor: 3 } });
  afterAll(() => rmSync(folder, { recursive: true }));

  const sealing = () => sealingOf(file);
  const stored = async (): Promise<string> => (await rawBytes(suite.server.database)).toString('latin1');
  const expectHidden = async (...texts: string[]): Promise<void> => {
    const [everything, log] = [await stored(), suite.server.log.lines.join('\n')];
    for (const text of texts) expect([everything.includes(text), log.includes(text)]).toEqual([false, false]);
  };

  it.each(PROVIDERS)('pushes to a phone at %s, of which its files know neither id nor token', async (provider) => {
    const phone = await newPhone(suite.server, provider);
    await arrival(suite.gateways, phone, await push(suite.server, phone));
    await expectHidden(phone.id, phone.token);
    expect(await stored()).toContain(sealing().token(phone.token));
    expect(await stored()).toContain(sealing().id(phone.id));
  });

  it('pushes what is sent twice once', async () => {
    const phone = await newPhone(suite.server, 'fcm');
    const data = await push(suite.server, phone);
    await suite.server.notify(phone.id, data);
    await suite.server.idle();
    expect(contentsFor(suite.gateways, phone)).toEqual([data]);
  });

  it('moves a token that registers with another id', async () => {
    const phone = await newPhone(suite.server, 'fcm');
    const other = newId();
    await suite.server.register(other, phone.token, 'android');
    await push(suite.server, phone);
    await arrival(suite.gateways, phone, await push(suite.server, { id: other }));
    await suite.server.idle();
    expect(contentsFor(suite.gateways, phone)).toHaveLength(1);
  });

  it('forgets a phone that unregisters', async () => {
    const phone = await newPhone(suite.server, 'apns');
    const unregister = () => suite.server.send('unregister', { token: phone.token });
    expect(await unregister()).toEqual(SUCCESS);
    expect((await unregister()).body).toMatchObject({ code: 0 });
    await push(suite.server, phone);
    await suite.server.idle();
    expect(contentsFor(suite.gateways, phone)).toEqual([]);
  });

  it('pushes to the members of a closed group, and not to who left it', async () => {
    const group = newId();
    const [stays, leaves, joinsAlone] = await newPhones(suite.server, 'fcm', 3);
    if (!stays || !leaves || !joinsAlone) throw new Error('there are no phones');
    const member = ({ id }: Phone) => ({ closedGroupPublicKey: group, pubKey: id });
    expect(await suite.server.send('subscribe_closed_group', member(stays))).toEqual(SUCCESS);
    expect(await suite.server.send('subscribe_closed_group', member(leaves))).toEqual(SUCCESS);
    expect(await suite.server.send('unsubscribe_closed_group', member(leaves))).toEqual(SUCCESS);
    const { id: pubKey, token } = joinsAlone;
    const groups = { pubKey, token, device: 'android', legacyGroupPublicKeys: [group, group] };
    expect(await suite.server.send('register_legacy_groups_only', groups)).toEqual(SUCCESS);
    const data = newData();
    await suite.server.notify(group, data);
    await arrival(suite.gateways, stays, data);
    await arrival(suite.gateways, joinsAlone, data);
    await suite.server.idle();
    expect(contentsFor(suite.gateways, leaves)).toEqual([]);
    await expectHidden(group, stays.id, joinsAlone.token);
  });

  it('hides what waits for its provider, and sends it when the provider is back', async () => {
    const phone = await newPhone(suite.server, 'fcm');
    await suite.gateways.fcm.stopListening();
    const data = await push(suite.server, phone);
    await vi.waitFor(async () => expect((await suite.server.queued())[0]?.lane).toBe('fcm'), { timeout: 5000 });
    await expectHidden(phone.id, phone.token);
    await suite.server.restart();
    await suite.gateways.fcm.listenAgain();
    await arrival(suite.gateways, phone, data);
  });

  it('does not push to a token that somebody moved to another id in the database, until its app registers', async () => {
    const [moved, other] = [await newPhone(suite.server, 'fcm'), await newPhone(suite.server, 'fcm')];
    const move = 'UPDATE devices SET session_id = ? WHERE token = ?';
    await suite.server.dataSource.query(move, [sealing().id(other.id), sealing().token(moved.token)]);
    await arrival(suite.gateways, other, await push(suite.server, other));
    await push(suite.server, moved);
    await suite.server.idle();
    expect(contentsFor(suite.gateways, moved)).toEqual([]);
    expect(suite.server.log.find('stored devices were put together by somebody else')).toHaveLength(1);
    await suite.server.register(moved.id, moved.token, 'android');
    await arrival(suite.gateways, moved, await push(suite.server, moved));
  });

  it('removes a token that is damaged in the database, counts it, and pushes to the others', async () => {
    const damaged = await newPhone(suite.server, 'fcm');
    const other = await addPhone(suite.server, damaged, 'fcm');
    const sealed = sealing().token(damaged.token);
    const row = { token: storedToken(sealed.slice(0, -4)) };
    await suite.server.dataSource.query('UPDATE devices SET token = ? WHERE token = ?', [row.token, sealed]);
    const devices = suite.server.dataSource.getRepository(Device);
    await arrival(suite.gateways, other, await push(suite.server, damaged));
    await vi.waitFor(async () => expect(await devices.countBy(row)).toBe(0), { timeout: 20_000 });
    expect(await devices.countBy({ token: sealing().token(other.token) })).toBe(1);
    await suite.server.idle();
    expect(contentsFor(suite.gateways, damaged)).toEqual([]);
    const labels = { provider: 'fcm', outcome: 'token-gone', reason: 'DamagedToken' };
    expect((await Metrics.read(suite.server)).value('session_push_pushes_total', labels)).toBeGreaterThan(0);
  });

  it('removes dead tokens, and keeps them as suspects when they are too many', async () => {
    // The brake remembers by them.
    await suite.server.dataSource.getRepository(SuspectToken).clear();
    await suite.server.restart();
    await proveWell(suite.server, suite.gateways, 'apns');
    const dead = await newPhone(suite.server, 'apns');
    const die = (phone: Phone) => suite.gateways.apns.mark(phone.token, 'dead', { since: Date.now() + 1000 });
    die(dead);
    await push(suite.server, dead);
    await vi.waitFor(async () => expect(await suite.server.device(dead.token)).toBeNull(), { timeout: 8000 });
    const suspects = await newKnownPhones(suite.server, suite.gateways, 'apns', 12);
    suspects.forEach(die);
    await Promise.all(suspects.map((phone) => push(suite.server, phone)));
    const rows = () => suite.server.dataSource.getRepository(SuspectToken).find();
    await vi.waitFor(async () => expect((await rows()).length).toBeGreaterThan(0), { timeout: 8000 });
    const tokens = suspects.map(({ token }) => sealing().token(token));
    for (const { token } of await rows()) expect(tokens).toContain(token);
    suspects.forEach(({ token }) => suite.gateways.apns.unmark(token));
    await suite.server.idle();
    await expectHidden(...suspects.map(({ token }) => token));
  });

  it('does not take a sealed form from a client', async () => {
    const phone = await newPhone(suite.server, 'fcm');
    const before = contentsFor(suite.gateways, phone);
    const token = sealing().token(phone.token);
    for (const [command, args] of [
      ['notify', { send_to: sealing().id(phone.id), data: 'x' }],
      ['unregister', { token }],
      ['register', { token, pubKey: newId() }],
    ] as const)
      expect((await suite.server.send(command, args)).status).toBe(400);
    await suite.server.idle();
    expect(contentsFor(suite.gateways, phone)).toEqual(before);
  });

  it('remembers which environment of Apple knows a token', async () => {
    const phone = await newPhone(suite.server, 'apns');
    await suite.server.restart({ APNS_ENVIRONMENT: 'both' });
    suite.gateways.apns.faults.forToken(phone.token, { kind: 'answer', answer: apnsError('BadDeviceToken') }, 1);
    await arrival(suite.gateways, phone, await push(suite.server, phone));
    const environment = async () => (await suite.server.device(phone.token))?.apnsEnvironment;
    await vi.waitFor(async () => expect(await environment()).toMatch(/production|sandbox/), { timeout: 10_000 });
  });
});
