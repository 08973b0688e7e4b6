import { DEFAULT_DELIVERY_TUNING } from './delivery-tuning.js';
import { beforeEach, describe, expect, it } from 'vitest';
import { RecipientLimit } from './recipient-limit.js';

describe('the bound per recipient', () => {
  let limit: RecipientLimit;
  beforeEach(() => {
    limit = new RecipientLimit({
      ...DEFAULT_DELIVERY_TUNING,
      maxPerRecipientAndMinute: 3,
      maxPushesPerRecipientAndMinute: 100,
    });
  });
  const take = (recipient: string, devices: number, now: number) => {
    const decision = limit.take(recipient, devices, now);
    return decision.pass ? 'pass' : decision.wakeAt;
  };

  it('lets so many notifications of a minute pass, and wakes the phones once for all the others', () => {
    expect([10, 11, 12, 13, 14].map((now) => take('a', 1, now))).toEqual(['pass', 'pass', 'pass', 60_010, null]);
  });

  it('counts devices too, so that a large group is bounded sooner; its first notification always passes', () => {
    expect([take('group', 1000, 0), take('group', 1000, 1), take('group', 1, 2)]).toEqual(['pass', 60_000, null]);
  });

  it('adds before it compares', () => {
    expect([take('group', 60, 0), take('group', 60, 1), take('group', 40, 2)]).toEqual(['pass', 60_000, 'pass']);
  });

  it('begins a minute of its own when the clock is set back', () => {
    const hour = 3_600_000;
    for (let now = 0; now < 5; now++) take('a', 1, hour + now);
    expect([0, 1, 2, 3, 4].map((now) => take('a', 1, now))).toEqual(['pass', 'pass', 'pass', 60_000, null]);
    expect(take('a', 1, 60_000)).toBe('pass');
  });

  it('is each recipient’s own, and begins anew after a minute', () => {
    for (let now = 0; now < 5; now++) take('a', 1, now);
    expect([take('b', 1, 5), take('a', 1, 60_000)]).toEqual(['pass', 'pass']);
  });
});
