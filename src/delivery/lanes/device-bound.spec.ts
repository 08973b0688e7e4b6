import { beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_DELIVERY_TUNING } from '../delivery-tuning.js';
import { DeviceBound } from './device-bound.js';

const { deviceBurst: BURST, devicePushesPerMinute: PER_MINUTE, deviceWakeupMs: WAKEUP_MS } = DEFAULT_DELIVERY_TUNING;

describe('DeviceBound', () => {
  let bound: DeviceBound;
  beforeEach(() => {
    bound = new DeviceBound(DEFAULT_DELIVERY_TUNING);
  });
  /** How often each came, of so many pushes within so many milliseconds. */
  const flood = (count: number, withinMs: number, isThroughGroup = true) => {
    const counts = { send: 0, 'send-without-content': 0, 'send-later': 0, collapse: 0 };
    for (let push = 0; push < count; push++) counts[bound.take('t', isThroughGroup, (push * withinMs) / count).kind]++;
    return counts;
  };

  it('lets a burst through whole, and then a few a minute', () => {
    expect(flood(BURST, 0)).toMatchObject({ send: BURST });
    expect(bound.take('t', true, 1).kind).not.toBe('send');
    expect(bound.take('t', true, 60_000 / PER_MINUTE + 1).kind).toBe('send');
  });

  it('shows a phone some hundred of 6000 pushes in half a minute, and wakes it every few seconds', () => {
    const { send, collapse, ...woken } = flood(6000, 30_000);
    expect(send).toBeLessThanOrEqual(BURST + PER_MINUTE / 2 + 1);
    const wakeups = woken['send-without-content'] + woken['send-later'];
    expect(wakeups).toBeGreaterThanOrEqual(30_000 / WAKEUP_MS / 2);
    expect(wakeups).toBeLessThanOrEqual(30_000 / WAKEUP_MS + 2);
    expect(collapse).toBeGreaterThan(5000);
  });

  it('follows what comes while a phone is left alone with one more, and no second one', () => {
    flood(BURST, 0);
    expect(bound.take('t', true, 0).kind).toBe('send-without-content');
    expect(bound.take('t', true, 100)).toEqual({ kind: 'send-later', afterMs: WAKEUP_MS - 100 });
    expect(bound.take('t', true, 200).kind).toBe('collapse');
    // Those that come behind it have one of their own.
    expect(bound.take('t', true, 2 * WAKEUP_MS).kind).not.toBe('collapse');
  });

  it('follows what comes just behind one that was put off with another one', () => {
    bound = new DeviceBound({ ...DEFAULT_DELIVERY_TUNING, devicePushesPerMinute: 0 });
    flood(BURST, 0);
    for (const time of [0, 100]) bound.take('t', true, time);
    expect(bound.take('t', true, WAKEUP_MS + 1)).toEqual({ kind: 'send-later', afterMs: WAKEUP_MS - 1 });
    expect(bound.take('t', true, WAKEUP_MS + 2).kind).toBe('collapse');
  });

  it.each([7, 90, 700, 2900, 3100, 9000])('never leaves out the last of some that come every %i ms', (everyMs) => {
    flood(BURST, 0);
    let wakeupAt = -Infinity;
    for (let now = 0; now < 60_000; now += everyMs) {
      const decision = bound.take('t', true, now);
      if (decision.kind === 'send') continue;
      if (decision.kind === 'send-without-content') wakeupAt = now;
      if (decision.kind === 'send-later') wakeupAt = now + decision.afterMs;
      expect(wakeupAt).toBeGreaterThanOrEqual(now);
      expect(wakeupAt).toBeLessThanOrEqual(now + WAKEUP_MS);
    }
  });

  it('takes nothing from what is sent to the owner when groups are flooded', () => {
    flood(6000, 30_000);
    expect(flood(10, 0, false)).toMatchObject({ send: 10 });
  });

  it('bounds each device for itself', () => {
    flood(6000, 30_000);
    expect(bound.take('another', true, 30_000).kind).toBe('send');
  });
});
