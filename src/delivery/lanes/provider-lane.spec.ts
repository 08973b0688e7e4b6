import { legacyContent } from '../../providers/push-content.js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { letPass, stopBothClocks } from '../../../test/support/both-clocks.js';
import { type DeliveryParts, useDeliveryParts } from '../../../test/support/delivery-parts.js';
import { DELIVERED, ScriptedTransport } from '../../../test/support/scripted-transport.js';
import { storedId, storedToken } from '../../../test/support/stored.js';
import { type NewQueueItem } from '../queue/notification-queue.js';
import { type DeliveryResult, type RetryCause, type StoredTarget } from '../../providers/push-transport.js';
import { type DeliveryTuning } from '../delivery-tuning.js';
import { OutcomeCounter } from '../outcomes/outcome-counter.js';
import { type LanePush, type ProviderLane } from './provider-lane.js';
import { ProviderLanes } from './provider-lanes.js';

const NOW = 1_800_000_000_000;
const MINUTE_MS = 60_000;

const target = (token: string): StoredTarget => ({
  token: storedToken(token),
  registeredAt: 1,
  apnsEnvironment: null,
  acceptedAt: 1,
});
const retry = (cause: RetryCause): DeliveryResult => ({ outcome: 'retry', cause, reason: 'Reason' });

describe('ProviderLane', () => {
  const open = useDeliveryParts();
  let transport: ScriptedTransport;
  let parts: DeliveryParts;
  let lane: ProviderLane;
  let pushes = 0;

  const use = async (provider: ScriptedTransport, tuning: Partial<DeliveryTuning> = {}) => {
    transport = provider;
    parts = await open([transport], { keepStalePerDevice: 2, ...tuning });
    const found = parts.get(ProviderLanes).get(provider.provider);
    if (!found) throw new Error('there is no lane');
    lane = found;
  };
  const push = (tokens: string[], fields: Partial<LanePush> = {}): LanePush => ({
    notificationId: `n${pushes++}`,
    lane: 'intake',
    recipient: storedId('05a'),
    content: legacyContent('x'),
    urgency: 'high',
    to: { provider: 'apns', targets: tokens.map(target) },
    acceptedAt: Date.now(),
    expiresAt: Date.now() + 60 * MINUTE_MS,
    availableAt: Date.now(),
    attempts: 0,
    ...fields,
  });
  const stale = (name: string, tokens: string[]) =>
    push(tokens, { notificationId: name, acceptedAt: NOW - 10 * MINUTE_MS });
  const tokens = (items: NewQueueItem[]) => items.map(({ to }) => to?.targets.map(({ token }) => token));
  const sent = () => transport.sent.map((request) => request.targets.map(({ token }) => token));
  const reported = () => {
    parts.get(OutcomeCounter).report();
    return parts.logger.find('pushes were not sent');
  };
  /** Opens the breaker. */
  const breakProvider = async () => {
    transport.next(retry('credential'));
    await lane.deliver(push(['breaker']));
    transport.sent.length = 0;
  };

  beforeEach(async () => {
    stopBothClocks(NOW);
    await use(new ScriptedTransport('apns'));
  });
  afterEach(() => {
    vi.useRealTimers();
    transport.expectNothingElse();
  });

  it('tells the push service how much time is left, also while the clock is a day ahead', async () => {
    transport.always(DELIVERED);
    const fresh = push(['a']);
    vi.setSystemTime(NOW + 25 * 60 * MINUTE_MS);
    await lane.deliver(fresh);
    expect((transport.sent[0]?.expiresAt ?? 0) - Date.now()).toBe(60 * MINUTE_MS);
  });

  it('sends to each device and has nothing left to do', async () => {
    transport.always(DELIVERED);
    const fresh = push(['a', 'b']);
    expect(await lane.deliverFresh(fresh)).toEqual([]);
    expect(transport.sent).toEqual(
      fresh.to.targets.map((one) => ({
        notificationId: fresh.notificationId,
        recipient: fresh.recipient,
        content: legacyContent('x'),
        urgency: 'high',
        expiresAt: fresh.expiresAt,
        stale: false,
        targets: [one],
      })),
    );
  });

  it('groups devices as the transport can carry', async () => {
    await use(new ScriptedTransport('huawei', 3));
    transport.always(DELIVERED);
    await lane.deliverFresh(push(['a', 'b', 'c', 'd', 'e', 'f', 'g']));
    expect(sent()).toEqual([['a', 'b', 'c'], ['d', 'e', 'f'], ['g']]);
  });

  it('has only those devices left that failed, and counts the attempt', async () => {
    transport.next(DELIVERED, retry('provider-down'), DELIVERED, retry('provider-down'));
    const fresh = push(['a', 'b', 'c', 'd'], { attempts: 2 });
    const later = await lane.deliver(fresh);
    expect(new Set(tokens(later).flat())).toEqual(new Set(['b', 'd']));
    for (const item of later) {
      expect(item).toMatchObject({
        lane: 'apns',
        attempts: 3,
        notificationId: fresh.notificationId,
        content: { kind: 'legacy', data: 'x' },
      });
      expect(item.availableAt).toBeGreaterThan(NOW);
    }
  });

  it('tries the devices of one request that fail alike again together', async () => {
    await use(new ScriptedTransport('huawei', 10));
    transport.next([retry('outcome-unknown'), DELIVERED, retry('outcome-unknown'), retry('wrong-address')]);
    const later = await lane.deliver(push(['a', 'b', 'c', 'd']));
    expect(tokens(later)).toEqual([['a', 'c'], ['d']]);
  });

  it('drops what is past its time to live without a request, and counts it', async () => {
    expect(await lane.deliver(push(['a', 'b'], { expiresAt: NOW }))).toEqual([]);
    expect(transport.sent).toEqual([]);
    expect(reported()[0]).toContain("kind: 'expired', provider: 'apns', reason: 'expired', count: 2");
  });

  it('puts off at once what comes while the provider is down', async () => {
    await breakProvider();
    const fresh = push(['a', 'b']);
    expect(await lane.deliverFresh(fresh)).toEqual([{ ...fresh, lane: 'apns' }]);
    expect(transport.sent).toEqual([]);
  });

  it('puts off what it has no room for', async () => {
    await use(new ScriptedTransport('apns', 1, 1), { maxProviderBacklog: 2 });
    transport.always(DELIVERED);
    const later = await lane.deliverFresh(push(['a', 'b', 'c', 'd', 'e']));
    expect([sent().length + tokens(later).flat().length, tokens(later).flat().length > 0]).toEqual([5, true]);
  });

  it('leaves everything for the next start when the server stops', async () => {
    lane.sender.stop();
    const fresh = push(['a', 'b']);
    expect(await lane.deliverFresh(fresh)).toEqual([{ ...fresh, lane: 'apns' }]);
    expect(tokens(await lane.deliver(push(['c'], { lane: 'apns' })))).toEqual([['c']]);
    expect(transport.sent).toEqual([]);
  });

  it('leaves a throttled device alone, with all that is for it, and no other', async () => {
    transport.next(retry('device-throttled'), DELIVERED);
    const [throttled] = await lane.deliver(push(['a']));
    const later = await lane.deliver(push(['a', 'b']));
    expect(sent()).toEqual([['a'], ['b']]);
    expect(later).toMatchObject([{ to: { targets: [target('a')] }, availableAt: throttled?.availableAt, attempts: 0 }]);
    letPass((throttled?.availableAt ?? 0) - NOW);
    transport.next(DELIVERED);
    expect(await lane.deliver(push(['a']))).toEqual([]);
  });

  it('puts off a push for an unknown address by a minute at most while nobody is known, and longer among known ones', async () => {
    const tried = push(['a'], { attempts: 20 });
    transport.next(retry('wrong-address'));
    const [doubted] = await lane.deliver(tried);
    expect(doubted?.availableAt).toBeLessThanOrEqual(NOW + MINUTE_MS);
    transport.next(DELIVERED, retry('wrong-address'));
    await lane.deliver(push(['b']));
    const [foreign] = await lane.deliver({ ...tried, to: { provider: 'apns', targets: [target('c')] } });
    expect(foreign?.availableAt).toBeGreaterThan(NOW + 4 * MINUTE_MS);
  });

  it('keeps the row of every item within 64 KB, whatever the tokens are made of', async () => {
    await breakProvider();
    const many = Array.from({ length: 300 }, (_, index) => String(index).padStart(1024, index % 2 ? '"' : '\\'));
    const later = await lane.deliverFresh(push(many));
    expect(tokens(later).flat()).toEqual(many);
    for (const item of later) expect(JSON.stringify(item.to?.targets).length).toBeLessThan(65_535);
  });

  it('collapses what waited through an outage into the newest few and one without content', async () => {
    transport.always(DELIVERED);
    for (const name of ['newest', 'second', 'third', 'fourth', 'fifth']) {
      expect(await lane.deliver(stale(name, ['a']))).toEqual([]);
    }
    expect(
      transport.sent.map(({ notificationId, content }) => [
        notificationId,
        content.kind === 'legacy' ? content.data : null,
      ]),
    ).toEqual([
      ['newest', 'x'],
      ['second', 'x'],
      ['third', null],
    ]);
    expect(reported()[0]).toContain("kind: 'folded', provider: 'apns', reason: 'outage', count: 2");
  });

  it('keeps the one without content so until it arrives: others were collapsed into it', async () => {
    for (const name of ['newest', 'second']) {
      transport.next([DELIVERED]);
      await lane.deliver(stale(name, ['a']));
    }
    transport.next(retry('provider-throttled'));
    const [again] = await lane.deliver(stale('third', ['a']));
    expect(again).toMatchObject({ notificationId: 'third', content: { kind: 'none' }, attempts: 1 });
    transport.sent.length = 0;
    letPass(5 * MINUTE_MS);
    transport.next([DELIVERED]);
    expect(await lane.deliver({ ...stale('third', ['a']), ...again } as LanePush)).toEqual([]);
    expect(transport.sent).toMatchObject([{ notificationId: 'third', content: { kind: 'none' } }]);
  });

  it('collapses device by device', async () => {
    transport.always(DELIVERED);
    for (const name of ['one', 'two', 'three']) await lane.deliver(stale(name, ['a']));
    transport.sent.length = 0;
    await lane.deliver(stale('four', ['a', 'b']));
    expect(sent()).toEqual([['b']]);
  });

  it('does not collapse fresh pushes', async () => {
    transport.always(DELIVERED);
    for (let count = 0; count < 10; count++) await lane.deliver(push(['a']));
    expect(transport.sent).toHaveLength(10);
  });

  it('never loses a single push that waits through a long outage', async () => {
    transport.always(retry('provider-down'));
    let item: NewQueueItem = stale('only', ['a']);
    for (let probes = 0; probes < 30; probes++) {
      const [later] = await lane.deliver({ ...item, to: item.to ?? { provider: 'apns', targets: [] } });
      expect(later?.to?.targets).toEqual([target('a')]);
      if (later) item = later;
      letPass(30_000);
    }
    transport.always(DELIVERED);
    letPass(MINUTE_MS);
    transport.sent.length = 0;
    expect(await lane.deliver({ ...item, to: item.to ?? { provider: 'apns', targets: [] } })).toEqual([]);
    expect(transport.sent).toMatchObject([{ notificationId: 'only', content: { data: 'x' } }]);
  });

  it('tries again later, and says so, when a transport forgets a device', async () => {
    await use(new ScriptedTransport('huawei', 10));
    transport.next([DELIVERED]);
    const later = await lane.deliver(push(['a', 'b']));
    expect(later).toMatchObject([{ lane: 'huawei', attempts: 1, to: { targets: [{ token: 'a' }, { token: 'b' }] } }]);
    expect(parts.logger.find('a push is tried again')).toHaveLength(1);
  });

  it('asks for made-up tokens in requests of their own', async () => {
    await use(new ScriptedTransport('huawei', 10));
    transport.always(DELIVERED);
    const mixed = push(['a', 'b', 'c']);
    for (const one of mixed.to.targets.slice(0, 2)) Object.assign(one, { registeredAt: NOW, acceptedAt: null });
    await lane.deliver(mixed);
    expect(sent()).toEqual([['c'], ['a', 'b']]);
  });

  it('probes with a token that was accepted before, oldest first and one recipient after the other', () => {
    const item = (name: string, recipient: string, ageMs: number, acceptedAt: number | null) =>
      push(['x'], {
        notificationId: name,
        recipient: storedId(recipient),
        acceptedAt: NOW - ageMs,
        to: { provider: 'apns', targets: [{ ...target(name), registeredAt: NOW, acceptedAt }] },
      });
    const items = [
      item('flood 1', 'a', 50, 1),
      item('flood 2', 'a', 40, 1),
      item('stranger', 'b', 90, null),
      item('young', 'c', 10, 1),
    ];
    expect(lane.probesFirst(items).map(({ notificationId }) => notificationId)).toEqual([
      'flood 1',
      'young',
      'flood 2',
      'stranger',
    ]);
  });

  it('bounds what one device shows, whomever it is sent to, and wakes it instead', async () => {
    await use(new ScriptedTransport('apns'), { deviceBurst: 3, devicePushesPerMinute: 1, deviceWakeupMs: 5000 });
    transport.always(DELIVERED);
    const later: NewQueueItem[] = [];
    for (let count = 0; count < 9; count++) {
      later.push(...(await lane.deliverFresh(push(['a'], { recipient: storedId(`group ${count}`) }))));
    }
    expect(transport.sent.map(({ content }) => content.kind)).toEqual(['legacy', 'legacy', 'legacy', 'none']);
    expect(later).toMatchObject([
      { content: { kind: 'none' }, availableAt: NOW + 5000, to: { targets: [target('a')] } },
    ]);
    expect(reported()[0]).toContain("kind: 'folded', provider: 'apns', reason: 'device-bound', count: 4");
    letPass(5000);
    for (const item of later) {
      expect(await lane.deliver({ ...item, to: item.to ?? { provider: 'apns', targets: [] } })).toEqual([]);
    }
    expect(transport.sent).toHaveLength(5);
  });

  it('does not count a push again that is tried again', async () => {
    await use(new ScriptedTransport('apns'), { deviceBurst: 1, devicePushesPerMinute: 1 });
    transport.next(retry('outcome-unknown'), DELIVERED);
    const [later] = await lane.deliverFresh(push(['a']));
    await lane.deliver({ ...push(['a']), ...later, to: { provider: 'apns', targets: [target('a')] } });
    expect(transport.sent.map(({ content }) => content.kind)).toEqual(['legacy', 'legacy']);
  });

  it('holds for pushes of today’s API, which keep the form of their app', async () => {
    await use(new ScriptedTransport('apns'), { deviceBurst: 1, devicePushesPerMinute: 1 });
    transport.always(DELIVERED);
    const sealed = { kind: 'sealed' as const, payload: 'x' };
    for (let count = 0; count < 2; count++) await lane.deliverFresh(push(['a'], { content: sealed }));
    expect(transport.sent.map(({ content }) => content)).toEqual([sealed, { kind: 'sealed', payload: null }]);
  });
});
