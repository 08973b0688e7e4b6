import { describe, expect, it } from 'vitest';
import { ReconnectPace } from './reconnect-pace.js';

describe('the pace of connecting', () => {
  it('does not hold up the first connection, nor the next after one that lasted', () => {
    const pace = new ReconnectPace();
    expect(pace.delay(0)).toBe(0);
    pace.opened(0);
    expect(pace.delay(60_000)).toBe(0);
  });

  it('doubles with each failure up to five seconds, and begins anew after a connection', () => {
    const pace = new ReconnectPace();
    const delays = Array.from({ length: 8 }, () => {
      pace.failed(1_000, 1);
      return pace.delay(1_000);
    });
    expect(delays).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    pace.opened(2_000);
    expect(pace.delay(2_000)).toBe(0);
    pace.failed(3_000, 0);
    expect(pace.delay(3_000)).toBe(50);
    expect(pace.delay(3_050)).toBe(0);
  });

  it('allows ten connections in a row, then one a second, and ten again after a quiet time', () => {
    const pace = new ReconnectPace();
    for (let i = 0; i < 9; i++) pace.opened(0);
    expect(pace.delay(0)).toBe(0);
    pace.opened(0);
    expect([pace.delay(0), pace.delay(400), pace.delay(1_000)]).toEqual([1_000, 600, 0]);
    pace.opened(1_000);
    expect(pace.delay(1_000)).toBe(1_000);
    for (let i = 0; i < 10; i++) {
      expect(pace.delay(60_000)).toBe(0);
      pace.opened(60_000);
    }
    expect(pace.delay(60_000)).toBe(1_000);
  });
});
