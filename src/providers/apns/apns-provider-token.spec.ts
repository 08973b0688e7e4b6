import { describe, expect, it } from 'vitest';
import { ApnsProviderToken } from './apns-provider-token.js';

const MINUTE = 60_000;

function make() {
  const clock = { minutes: 0, minted: 0 };
  const token = new ApnsProviderToken(
    () => `jwt-${++clock.minted}`,
    () => 1_000_000_000_000 + clock.minutes * MINUTE,
  );
  return { clock, token };
}

describe('the JWT for APNs', () => {
  it('is shared for fifty minutes and then minted anew', () => {
    const { clock, token } = make();
    expect([token.current(), token.current()]).toEqual(['jwt-1', 'jwt-1']);
    clock.minutes = 49.9;
    expect(token.current()).toBe('jwt-1');
    clock.minutes = 50;
    expect([token.current(), token.current(), clock.minted]).toEqual(['jwt-2', 'jwt-2', 2]);
  });

  it('is replaced once when many requests learn that it expired', () => {
    const { clock, token } = make();
    clock.minutes = 30;
    expect([token.replace('jwt-1'), token.replace('jwt-1'), token.replace('jwt-1')]).toEqual([true, true, true]);
    expect([token.current(), clock.minted]).toEqual(['jwt-2', 2]);
  });

  it('is kept for twenty minutes even when APNs calls it expired', () => {
    const { clock, token } = make();
    clock.minutes = 19.9;
    expect([token.replace('jwt-1'), clock.minted]).toEqual([false, 1]);
    clock.minutes = 20;
    expect([token.replace('jwt-1'), clock.minted]).toEqual([true, 2]);
  });

  it('is minted anew when the clock was set back', () => {
    const { clock, token } = make();
    clock.minutes = -10;
    expect([token.current(), token.current(), clock.minted]).toEqual(['jwt-2', 'jwt-2', 2]);
  });
});
