import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { apnsError } from '../../gateways/apns.answers.js';
import { fcmErrors } from '../../gateways/fcm.answers.js';
import { huaweiAllInvalid, huaweiAnswer } from '../../gateways/huawei.answers.js';
import { type Answer } from '../../gateways/messages.js';
import { Device } from '../../src/devices/device.entity.js';
import { SuspectTokensService } from '../../src/devices/suspect-tokens.service.js';
import { describeEachDatabase, describeOneDatabase } from '../support/databases.js';
import { type ServerSuite, useServer } from '../support/test-server.js';
import { storedToken } from '../support/stored.js';
import {
  addPhone,
  arrival,
  contentsFor,
  forgotten,
  newKnownPhones,
  newPhone,
  newPhones,
  type Phone,
  type Provider,
  proveWell,
  push,
  register,
} from './phones.js';

const LONG_AFTER = () => Date.now() + 3_600_000;
const LONG_BEFORE = () => Date.now() - 3_600_000;

const removed = (suite: ServerSuite, phone: Phone) =>
  vi.waitUntil(async () => (await suite.server.device(phone.token)) === null, { timeout: 8000 });

/** The answer of the provider to this phone, each time or so often. */
function answers({ gateways }: ServerSuite, { provider, token }: Phone, answer: Answer, times?: number): void {
  gateways[provider].faults.forToken(token, { kind: 'answer', answer }, times);
}

describeOneDatabase('the removal of a token', (databases) => {
  const suite = useServer(databases);

  it.each<[Provider, string, () => Answer]>([
    ['apns', 'Unregistered', () => apnsError('Unregistered', { timestamp: LONG_AFTER() })],
    ['apns', 'ExpiredToken', () => apnsError('ExpiredToken', { timestamp: LONG_AFTER() })],
    ['fcm', 'UNREGISTERED', fcmErrors.unregistered],
  ])('at %s follows %s, and what was sent is over then', async (provider, _reason, answer) => {
    const phone = await newPhone(suite.server, provider);
    answers(suite, phone, answer());
    await push(suite.server, phone);
    await removed(suite, phone);
    await suite.server.idle();
    expect(suite.gateways[provider].counts.requests).toBe(provider === 'fcm' ? 2 : 1);
  });

  it.each<[Provider, string, () => Answer]>([
    ['apns', 'BadDeviceToken', () => apnsError('BadDeviceToken')],
    ['fcm', 'INVALID_ARGUMENT that names the token', fcmErrors.invalidRegistrationTokenField],
    ['huawei', '80300007', () => huaweiAnswer('80300007')],
    ['huawei', 'tokenFormatError', () => huaweiAllInvalid({ tokenFormatError: ['a token'] })],
  ])('at %s follows %s only while others are accepted', async (provider, _reason, answer) => {
    await suite.server.restart();
    const phone = await newPhone(suite.server, provider);
    answers(suite, phone, answer());
    await push(suite.server, phone);
    await sleep(1500);
    expect(await forgotten(suite.server, [phone])).toEqual([]);
    await proveWell(suite.server, suite.gateways, provider);
    await removed(suite, phone);
  });

  it('at APNs does not follow a 410 whose timestamp is older than the registration', async () => {
    const phone = await newPhone(suite.server, 'apns');
    answers(suite, phone, apnsError('Unregistered', { timestamp: LONG_BEFORE() }), 1);
    const data = await push(suite.server, phone);
    await arrival(suite.gateways, phone, data);
    expect(await forgotten(suite.server, [phone])).toEqual([]);
  });

  it('at APNs does not follow it long after the registration either, and the push ends with the answer', async () => {
    const phone = await newPhone(suite.server, 'apns');
    const devices = suite.server.dataSource.getRepository(Device);
    await devices.update({ token: storedToken(phone.token) }, { registeredAt: LONG_BEFORE() });
    answers(suite, phone, apnsError('Unregistered', { timestamp: LONG_BEFORE() - 1000 }));
    await push(suite.server, phone);
    await suite.server.idle();
    expect(suite.gateways.apns.counts.requests).toBe(1);
    expect(await forgotten(suite.server, [phone])).toEqual([]);
  });

  it('spares a token that was registered again while the push was on its way, and the push arrives', async () => {
    const phone = await newPhone(suite.server, 'fcm');
    suite.gateways.fcm.faults.forToken(
      phone.token,
      { kind: 'answer', answer: fcmErrors.unregistered(), delayMs: 300 },
      1,
    );
    const data = await push(suite.server, phone);
    await vi.waitUntil(() => suite.gateways.fcm.counts.inFlight > 0, { timeout: 10_000 });
    await register(suite.server, phone);
    await arrival(suite.gateways, phone, data);
    expect(await forgotten(suite.server, [phone])).toEqual([]);
  });

  it('at HMS takes exactly the illegal ones of one request', async () => {
    const first = await newPhone(suite.server, 'huawei');
    const phones = [first, ...(await Promise.all([1, 2, 3, 4].map(() => addPhone(suite.server, first, 'huawei'))))];
    const dead = phones.filter((_, index) => index % 2 === 1);
    for (const { token } of dead) suite.gateways.huawei.mark(token, 'dead');
    const data = await push(suite.server, first);
    for (const phone of dead) await removed(suite, phone);
    await suite.server.idle();
    expect(await forgotten(suite.server, phones)).toEqual(dead);
    for (const phone of phones) expect(contentsFor(suite.gateways, phone)).toEqual(dead.includes(phone) ? [] : [data]);
  });
});

describeEachDatabase('the removal brake', (databases) => {
  /** The window is short, so that the brake lifts within the test. */
  const WINDOW_MS = 6000;
  const suite = useServer(databases, { tuning: { brakeWindowMs: WINDOW_MS, removalHoldMs: 1500 } });
  const braked = () => suite.server.log.find('too many tokens are called dead');
  const lifted = () => suite.server.log.find('dead answers are rare again');

  /** So many phones are called dead; ends when the brake has engaged. */
  async function callDead(count: number): Promise<Phone[]> {
    suite.server.log.lines.length = 0;
    const phones = await newKnownPhones(suite.server, suite.gateways, 'fcm', count);
    for (const { token } of phones) suite.gateways.fcm.mark(token, 'dead');
    await Promise.all(phones.map((phone) => push(suite.server, phone)));
    await vi.waitUntil(() => braked().length > 0, { timeout: 8000 });
    return phones;
  }

  const suspects = () => suite.server.app.get(SuspectTokensService);
  const remembered = (count: number) =>
    vi.waitUntil(async () => (await suspects().summary()).some((entry) => entry.count === count), { timeout: 8000 });

  function heal(phones: readonly Phone[]): void {
    for (const { token } of phones) suite.gateways.fcm.unmark(token);
  }

  it('pauses removal, remembers the suspects in the database, and the operator releases them', async () => {
    await proveWell(suite.server, suite.gateways, 'fcm');
    const phones = await callDead(6);
    await remembered(6);
    expect(braked()).toHaveLength(1);
    expect(braked()[0]).toContain('suspects list');
    expect(await suspects().summary()).toEqual([{ provider: 'fcm', reason: 'UNREGISTERED', count: 6 }]);
    expect(await forgotten(suite.server, phones)).toEqual([]);
    heal(phones);
    expect(await suspects().release('fcm')).toBe(6);
    await suite.server.idle();
    expect(await forgotten(suite.server, phones)).toEqual([]);
    // The pushes that were called undeliverable have waited: these, and one before them.
    for (const phone of phones) expect(contentsFor(suite.gateways, phone)).toHaveLength(2);
  });

  it('lets the operator discard the suspects, but for those that were registered again', async () => {
    await suite.server.restart();
    const phones = await callDead(6);
    await remembered(6);
    const [again, ...others] = phones as [Phone, ...Phone[]];
    await register(suite.server, again);
    expect(await suspects().discard('fcm')).toBe(5);
    expect(await forgotten(suite.server, phones)).toEqual(others);
    heal(phones);
    await suite.server.idle();
  });

  it('lifts by itself after a healthy window, and then what is still dead goes', async () => {
    await suite.server.restart();
    const phones = await callDead(5);
    const begin = Date.now();
    const well = await newPhone(suite.server, 'fcm');
    while (lifted().length === 0 && Date.now() - begin < 20_000) {
      await push(suite.server, well);
      await sleep(20);
    }
    expect(lifted()).toHaveLength(1);
    expect(Date.now() - begin).toBeGreaterThan(WINDOW_MS / 2);
    for (const phone of phones) await removed(suite, phone);
    expect(await suspects().summary()).toEqual([]);
  });

  it('stays on over a restart in the middle of the fault', async () => {
    await suite.server.restart();
    const phones = await callDead(6);
    await remembered(6);
    suite.server.log.lines.length = 0;
    await suite.server.restart();
    await vi.waitUntil(() => braked().length > 0, { timeout: 3000 });
    expect(await forgotten(suite.server, phones)).toEqual([]);
    heal(phones);
    await suite.server.idle();
    // Not before: what is called dead once more becomes a suspect once more, and the brake remembers by them.
    await suspects().release();
  });

  it('is not engaged by tokens that were made up, which go without a word', async () => {
    await suite.server.restart();
    suite.server.log.lines.length = 0;
    const [one] = await newPhones(suite.server, 'fcm', 1);
    assert(one);
    const madeUp = [one];
    for (let count = 1; count < 20; count++) madeUp.push(await addPhone(suite.server, one, 'fcm'));
    madeUp.push(...(await newPhones(suite.server, 'fcm', 20)));
    for (const { token } of madeUp) suite.gateways.fcm.mark(token, 'dead');
    for (const phone of [one, ...madeUp.slice(20)]) await push(suite.server, phone);
    for (const phone of madeUp) await removed(suite, phone);
    expect(braked()).toEqual([]);
    expect(await suspects().summary()).toEqual([]);
  });

  it('is each provider’s own', async () => {
    await suite.server.restart();
    const phones = await callDead(6);
    const dead = await newPhone(suite.server, 'apns');
    answers(suite, dead, apnsError('Unregistered', { timestamp: LONG_AFTER() }));
    await push(suite.server, dead);
    await removed(suite, dead);
    expect(await forgotten(suite.server, phones)).toEqual([]);
    heal(phones);
    await suite.server.idle();
  });
});
