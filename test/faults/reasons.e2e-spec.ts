import { describe, expect, it, vi } from 'vitest';
import { apnsError, apnsUndocumented } from '../../gateways/apns.answers.js';
import { fcmError, fcmErrors } from '../../gateways/fcm.answers.js';
import { huaweiAnswer, huaweiUndocumented } from '../../gateways/huawei.answers.js';
import { type Answer } from '../../gateways/messages.js';
import { Metrics } from '../support/metrics.js';
import { useServer } from '../support/test-server.js';
import { contentsFor, forgotten, newPhone, type Provider, push } from './phones.js';
import { sqlite } from './sqlite.js';

/** What the tables of docs/delivery.md say is tried by the fault matrix; here is what an operator can count. */
describe('what becomes of a push is counted by the provider’s own reason', () => {
  const suite = useServer(sqlite());

  const counted = async (provider: Provider, outcome: string, reason: string) =>
    (await Metrics.read(suite.server)).value('session_push_pushes_total', { provider, outcome, reason }) ?? 0;

  it.each<[string, Provider, string, Answer]>([
    ['an undocumented reason', 'apns', 'Unknown:400:SomethingNew', apnsUndocumented(400, 'SomethingNew')],
    ['an undocumented reason', 'fcm', 'SOMETHING_NEW', fcmError(418, 'SOMETHING_NEW', 'Something new.')],
    ['an undocumented code', 'huawei', 'Code80999999', huaweiUndocumented('80999999', 'Something new')],
    ['a documented reason', 'apns', 'TooManyRequests', apnsError('TooManyRequests')],
    ['a documented reason', 'fcm', 'UNAVAILABLE', fcmErrors.unavailable()],
    ['a documented code', 'huawei', 'Code81000001', huaweiAnswer('81000001')],
  ])('%s of %s: %s; the token stays and the push arrives', async (_kind, provider, reason, answer) => {
    const phone = await newPhone(suite.server, provider);
    const before = await counted(provider, 'retry', reason);
    suite.gateways[provider].faults.next(1, { kind: 'answer', answer });
    const data = await push(suite.server, phone);
    await suite.server.idle();
    expect(contentsFor(suite.gateways, phone)).toEqual([data]);
    expect(await forgotten(suite.server, [phone])).toEqual([]);
    expect((await counted(provider, 'retry', reason)) - before).toBe(1);
  });

  it.each<[Provider, string, Answer]>([
    ['apns', 'BadMessageId', apnsError('BadMessageId')],
    ['fcm', 'INVALID_ARGUMENT', fcmErrors.invalidField('message.data', 'Invalid data')],
    ['huawei', 'Code80100016', huaweiAnswer('80100016')],
  ])('our mistake at %s (%s) is dropped, and the token stays', async (provider, reason, answer) => {
    const phone = await newPhone(suite.server, provider);
    const before = await counted(provider, 'refused', reason);
    suite.gateways[provider].faults.next(2, { kind: 'answer', answer });
    await push(suite.server, phone);
    await vi.waitUntil(async () => (await counted(provider, 'refused', reason)) > before, { timeout: 5000 });
    suite.gateways[provider].faults.clear();
    await suite.server.idle();
    expect(contentsFor(suite.gateways, phone)).toEqual([]);
    expect(await forgotten(suite.server, [phone])).toEqual([]);
  });

  it.each<[Provider, Answer]>([
    ['apns', apnsError('PayloadTooLarge')],
    ['fcm', fcmErrors.tooBig()],
    ['huawei', huaweiAnswer('80300008')],
  ])('content that is too large for %s is left out, and the phone is woken', async (provider, answer) => {
    const phone = await newPhone(suite.server, provider);
    const before = await counted(provider, 'delivered', 'content-left-out');
    suite.gateways[provider].faults.next(1, { kind: 'answer', answer });
    await push(suite.server, phone);
    await suite.server.idle();
    expect(contentsFor(suite.gateways, phone)).toEqual([null]);
    expect((await counted(provider, 'delivered', 'content-left-out')) - before).toBe(1);
  });
});
