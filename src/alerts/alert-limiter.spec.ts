import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Alert } from './alert.js';
import { AlertLimiter } from './alert-limiter.js';

const WINDOW_MS = 1000;
const unhealthy = (provider: string): Alert => ({
  kind: 'provider-unhealthy',
  provider,
  cause: 'provider-down',
  reason: 'Http503',
  advice: null,
});
const working = (provider: string): Alert => ({ kind: 'provider-working', provider });

describe('AlertLimiter', () => {
  let sent: [Alert['kind'], number][];
  let limiter: AlertLimiter;
  beforeEach(() => {
    vi.useFakeTimers();
    sent = [];
    limiter = new AlertLimiter((alert, leftOut) => void sent.push([alert.kind, leftOut]), {
      windowMs: WINDOW_MS,
      maxPerWindow: 2,
    });
  });
  afterEach(() => {
    limiter.stop();
    vi.useRealTimers();
  });

  it('lets a few of a topic through at once', () => {
    limiter.offer(unhealthy('apns'));
    limiter.offer(working('apns'));
    expect(sent).toEqual([
      ['provider-unhealthy', 0],
      ['provider-working', 0],
    ]);
  });

  it('holds back what follows, and ends the window with the newest of it', () => {
    for (let flaps = 0; flaps < 5; flaps++) {
      limiter.offer(unhealthy('apns'));
      limiter.offer(working('apns'));
    }
    expect(sent).toHaveLength(2);
    vi.advanceTimersByTime(WINDOW_MS);
    expect(sent.slice(2)).toEqual([['provider-working', 7]]);
  });

  it('tells about a topic that does not calm down once per window', () => {
    for (let flaps = 0; flaps < 100; flaps++) {
      limiter.offer(unhealthy('apns'));
      limiter.offer(working('apns'));
      vi.advanceTimersByTime(WINDOW_MS / 10);
    }
    expect(sent.length).toBeLessThanOrEqual(2 + 10);
  });

  it('lets a few through again after a quiet window', () => {
    limiter.offer(unhealthy('apns'));
    limiter.offer(working('apns'));
    vi.advanceTimersByTime(WINDOW_MS);
    limiter.offer(unhealthy('apns'));
    limiter.offer(working('apns'));
    expect(sent).toHaveLength(4);
  });

  it('limits each topic for itself', () => {
    for (let flaps = 0; flaps < 5; flaps++) limiter.offer(unhealthy('apns'));
    limiter.offer(unhealthy('fcm'));
    limiter.offer({ kind: 'queue-caught-up' });
    expect(sent).toHaveLength(4);
  });

  it('sends nothing after it was stopped', () => {
    for (let flaps = 0; flaps < 5; flaps++) limiter.offer(unhealthy('apns'));
    limiter.stop();
    vi.advanceTimersByTime(WINDOW_MS * 2);
    expect(sent).toHaveLength(2);
  });
});
