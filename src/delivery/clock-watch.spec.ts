import { storedId } from '../../test/support/stored.js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { letPass, stopBothClocks } from '../../test/support/both-clocks.js';
import { type DeliveryParts, useDeliveryParts } from '../../test/support/delivery-parts.js';
import { type OperatorEvent, OperatorEvents } from '../operator/operator-events.js';
import { NO_CONTENT } from '../providers/push-content.js';
import { ClockWatch } from './clock-watch.js';
import { LONGEST_PAUSE_MS } from './delivery-tuning.js';
import { NotificationQueue } from './queue/notification-queue.js';

const NOW = 1_800_000_000_000;
const HOUR_MS = 3_600_000;

describe('ClockWatch', () => {
  const open = useDeliveryParts();
  let parts: DeliveryParts;
  let clock: ClockWatch;
  let queue: NotificationQueue;
  let events: OperatorEvent[];

  beforeEach(async () => {
    stopBothClocks(NOW);
    parts = await open();
    clock = parts.get(ClockWatch);
    queue = parts.get(NotificationQueue);
    events = [];
    parts.get(OperatorEvents).on((event) => events.push(event));
    await clock.look();
  });
  afterEach(() => void vi.useRealTimers());

  const step = (ms: number) => vi.setSystemTime(Date.now() + ms);
  const putOff = (ms: number) =>
    queue.add({
      notificationId: `put off by ${ms}`,
      lane: 'intake',
      recipient: storedId('05a'),
      content: NO_CONTENT,
      urgency: 'high',
      to: null,
      acceptedAt: Date.now(),
      expiresAt: Date.now() + 24 * HOUR_MS,
      availableAt: Date.now() + ms,
      attempts: 0,
    });
  const due = async () => {
    letPass(1000);
    return (await queue.claim('intake', 10)).map(({ notificationId }) => notificationId);
  };

  it('lets things be over when their time has come', () => {
    expect([clock.isOver(NOW), clock.isOver(NOW + 1)]).toEqual([true, false]);
    letPass(1);
    expect(clock.isOver(NOW + 1)).toBe(true);
  });

  it('lets nothing be over for some minutes after the clock has jumped ahead', () => {
    step(25 * HOUR_MS);
    expect(clock.isOver(NOW + 24 * HOUR_MS)).toBe(false);
    step(-25 * HOUR_MS);
    letPass(4 * 60_000);
    expect(clock.isOver(NOW)).toBe(false);
    letPass(60_000);
    expect([clock.isOver(NOW), clock.isOver(NOW + 24 * HOUR_MS)]).toEqual([true, false]);
  });

  it.each([HOUR_MS, -HOUR_MS])('tells of a jump by %d ms, once', async (byMs) => {
    step(byMs);
    clock.isOver(0);
    await clock.look();
    letPass(1000);
    await clock.look();
    expect(events).toEqual([{ kind: 'clock-jumped', byMs }]);
    expect(parts.logger.find('has jumped')).toHaveLength(1);
  });

  it('says nothing of what a synchronization moves', async () => {
    for (let second = 0; second < 600; second++) {
      step(second % 2 === 0 ? 500 : -300);
      letPass(1000);
      await clock.look();
    }
    expect(events).toEqual([]);
  });

  it('makes what is put off due after a jump, for its times were of another clock', async () => {
    await putOff(60_000);
    expect(await due()).toEqual([]);
    step(-HOUR_MS);
    await clock.look();
    expect(await due()).toEqual(['put off by 60000']);
  });

  it('makes due what is put off for longer than anything is, by a clock of before the start', async () => {
    await putOff(LONGEST_PAUSE_MS + 120_000);
    await putOff(LONGEST_PAUSE_MS - 60_000);
    letPass(61_000);
    await clock.look();
    expect(await due()).toEqual([`put off by ${LONGEST_PAUSE_MS + 120_000}`]);
  });
});
