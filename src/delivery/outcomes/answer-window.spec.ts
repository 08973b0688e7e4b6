import { describe, expect, it } from 'vitest';
import { AnswerWindow } from './answer-window.js';

describe('AnswerWindow', () => {
  it('counts each kind of answer', () => {
    const window = new AnswerWindow(60_000);
    for (const kind of ['accepted', 'dead', 'accepted'] as const) window.add(kind, 1000);
    expect(window.totals(1000)).toEqual({ accepted: 2, dead: 1 });
  });

  it('counts nothing when nothing was answered', () => {
    expect(new AnswerWindow(60_000).totals(0)).toEqual({ accepted: 0, dead: 0 });
  });

  it('forgets answers when they leave the window, bucket by bucket', () => {
    const window = new AnswerWindow(60_000);
    for (let second = 0; second < 60; second++) window.add('accepted', second * 1000);
    expect(window.totals(59_000).accepted).toBe(60);
    expect(window.totals(90_000).accepted).toBe(29);
    expect(window.totals(119_000).accepted).toBe(0);
  });

  it('keeps a bounded number of buckets under steady traffic', () => {
    const window = new AnswerWindow(60_000);
    for (let now = 0; now < 600_000; now += 10) window.add('dead', now);
    expect(window['buckets'].length).toBeLessThanOrEqual(61);
    expect(window.totals(600_000).dead).toBeGreaterThan(5800);
  });

  it('still counts when the clock steps back', () => {
    const window = new AnswerWindow(60_000);
    window.add('dead', 50_000);
    window.add('dead', 20_000);
    expect(window.totals(50_000).dead).toBe(2);
  });
});
