import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Wakeup } from './wakeup.js';

describe('Wakeup', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** Whether a wait has ended by now. */
  function watch(wait: Promise<void>) {
    const state = { ended: false };
    void wait.then(() => (state.ended = true));
    return state;
  }

  it('sleeps until the time has passed', async () => {
    const wait = watch(new Wakeup().wait(250));
    await vi.advanceTimersByTimeAsync(249);
    expect(wait.ended).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(wait.ended).toBe(true);
  });

  it('wakes at once when it is called, and leaves no timer behind', async () => {
    const wakeup = new Wakeup();
    const wait = watch(wakeup.wait(250));
    wakeup.call();
    await vi.advanceTimersByTimeAsync(0);
    expect([wait.ended, vi.getTimerCount()]).toEqual([true, 0]);
  });

  it('does not sleep when it was called before', async () => {
    const wakeup = new Wakeup();
    wakeup.call();
    wakeup.call();
    const first = watch(wakeup.wait(250));
    await vi.advanceTimersByTimeAsync(0);
    expect(first.ended).toBe(true);
    const second = watch(wakeup.wait(250));
    await vi.advanceTimersByTimeAsync(249);
    expect(second.ended).toBe(false);
  });
});
