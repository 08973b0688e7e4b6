import { legacyContent } from '../providers/push-content.js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DeliveryParts, useDeliveryParts } from '../../test/support/delivery-parts.js';
import { DELIVERED, ScriptedTransport } from '../../test/support/scripted-transport.js';
import { storedId, storedToken } from '../../test/support/stored.js';
import { StatisticsService } from '../statistics/statistics.service.js';
import { type NewQueueItem, type QueueItem } from './queue/notification-queue.js';
import { type Recipients } from './recipient-resolver.js';
import { type Counter } from '../statistics/statistics-counts.js';
import { type Provider } from '../providers/push-transport.js';
import { Intake } from './intake.js';
import { ProviderLanes } from './lanes/provider-lanes.js';
import { OutcomeCounter } from './outcomes/outcome-counter.js';

const NOW = 1_800_000_000_000;

describe('Intake', () => {
  const open = useDeliveryParts();
  let apns: ScriptedTransport;
  let fcm: ScriptedTransport;
  let parts: DeliveryParts;
  let intake: Intake;

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    apns = new ScriptedTransport('apns');
    fcm = new ScriptedTransport('fcm');
    parts = await open([apns, fcm], { maxPerRecipientAndMinute: 3 });
    intake = parts.get(Intake);
  });
  afterEach(() => {
    vi.useRealTimers();
    apns.expectNothingElse();
    fcm.expectNothingElse();
  });

  const item = (fields: Partial<QueueItem> = {}): QueueItem => ({
    id: 'i',
    notificationId: 'n',
    lane: 'intake',
    recipient: storedId('05a'),
    content: legacyContent('x'),
    urgency: 'high',
    to: null,
    acceptedAt: NOW,
    expiresAt: NOW + 3_600_000,
    availableAt: NOW,
    attempts: 0,
    ...fields,
  });
  const recipients = (counter: Counter, tokens: Partial<Record<Provider, string[]>> = {}): Recipients => ({
    counters: ['totalMessages', counter],
    targets: new Map(
      (Object.entries(tokens) as [Provider, string[]][]).map(([provider, list]) => [
        provider,
        list.map((token) => ({ token: storedToken(token), registeredAt: 1, apnsEnvironment: null })),
      ]),
    ),
  });
  const counted = async () => {
    const statistics = parts.get(StatisticsService);
    await statistics.flush(0, 1);
    return (await statistics.find())[0];
  };
  const dropped = () => {
    parts.get(OutcomeCounter).report();
    return parts.logger.find('pushes were not sent');
  };

  it('sends to the devices of every provider', async () => {
    apns.always(DELIVERED);
    fcm.always(DELIVERED);
    expect(await intake.deliver(item(), recipients('oneToOneMessages', { apns: ['a', 'b'], fcm: ['c'] }))).toEqual([]);
    expect([apns.sent.length, fcm.sent.length]).toEqual([2, 1]);
    expect(await counted()).toMatchObject({ iosPushes: 2, androidPushes: 1 });
  });

  it('says what is left to do for each provider', async () => {
    apns.next(DELIVERED);
    fcm.next({ outcome: 'retry', cause: 'provider-down', reason: 'UNAVAILABLE' });
    const later = await intake.deliver(item(), recipients('oneToOneMessages', { apns: ['a'], fcm: ['c'] }));
    expect(later).toMatchObject([{ lane: 'fcm', attempts: 1, to: { provider: 'fcm', targets: [{ token: 'c' }] } }]);
  });

  it.each([
    ['oneToOneMessages', 'oneToOneMessages'],
    ['closedGroupMessages', 'closedGroupMessages'],
    ['untrackedMessages', 'untrackedMessages'],
  ] as const)('counts a %s message as one', async (kind, counter) => {
    await intake.deliver(item(), recipients(kind));
    expect(await counted()).toMatchObject({ totalMessages: 1, [counter]: 1 });
  });

  it('counts and drops what is for a provider that is not configured', async () => {
    expect(await intake.deliver(item(), recipients('oneToOneMessages', { huawei: ['a', 'b'] }))).toEqual([]);
    expect(dropped()[0]).toContain("kind: 'unconfigured', provider: 'huawei', reason: 'unconfigured', count: 2");
  });

  it('drops what is past its time to live', async () => {
    expect(await intake.deliver(item({ expiresAt: NOW }), recipients('oneToOneMessages', { apns: ['a'] }))).toEqual([]);
    expect(dropped()[0]).toContain("kind: 'expired', provider: 'all'");
    expect(await counted()).toMatchObject({ totalMessages: 0 });
  });

  it('collapses a flood for one recipient into one push without content, after a minute', async () => {
    apns.always(DELIVERED);
    const whom = recipients('oneToOneMessages', { apns: ['a'] });
    const later: NewQueueItem[][] = [];
    for (let count = 0; count < 6; count++) later.push(await intake.deliver(item(), whom));
    expect(apns.sent).toHaveLength(3);
    expect(later.map(({ length }) => length)).toEqual([0, 0, 0, 1, 0, 0]);
    const [wakeup] = later.flat();
    expect(wakeup).toMatchObject({ lane: 'intake', content: { kind: 'none' }, availableAt: NOW + 60_000 });
    expect(dropped()[0]).toContain("kind: 'folded', provider: 'all', reason: 'recipient-limit', count: 2");

    vi.setSystemTime(NOW + 60_000);
    expect(await intake.deliver({ ...item(), ...wakeup }, whom)).toEqual([]);
    expect(apns.sent.at(-1)).toMatchObject({ content: { kind: 'none' } });
    expect(await counted()).toMatchObject({ totalMessages: 6, oneToOneMessages: 6, iosPushes: 4 });
  });

  it('counts the devices of a page that were left out', async () => {
    fcm.always(DELIVERED);
    const lane = parts.get(ProviderLanes).get('fcm');
    if (!lane) throw new Error('there is no lane');
    const targets = [{ token: storedToken('a'), registeredAt: 1, apnsEnvironment: null }];
    const page = { targets, leftOut: 20, next: null };
    expect(await intake.deliverPage(item({ lane: 'large', cursor: '' }), lane, page)).toEqual([]);
    expect(fcm.sent).toHaveLength(1);
    expect(dropped()[0]).toContain("kind: 'folded', provider: 'fcm', reason: 'device-limit', count: 20");
  });

  it('bounds nobody else when it bounds one', async () => {
    apns.always(DELIVERED);
    const whom = recipients('oneToOneMessages', { apns: ['a'] });
    for (let count = 0; count < 6; count++) await intake.deliver(item(), whom);
    apns.sent.length = 0;
    await intake.deliver(item({ recipient: storedId('05b') }), whom);
    expect(apns.sent).toHaveLength(1);
  });

  it('does not bound what has no device to go to', async () => {
    for (let count = 0; count < 6; count++) {
      expect(await intake.deliver(item(), recipients('untrackedMessages'))).toEqual([]);
    }
    expect(dropped()).toEqual([]);
  });
});
