import { beforeEach, describe, expect, it } from 'vitest';
import { StaleCollapse } from './stale-collapse.js';

describe('what waited for one device', () => {
  let collapse: StaleCollapse;
  beforeEach(() => {
    collapse = new StaleCollapse(2, 60_000);
  });
  /** The newest, or the one that came so many milliseconds before it. */
  const push = (age = 0) => ({ notificationId: `n${age}`, acceptedAt: 1_000_000 - age });
  /** Newest first. */
  const decide = (token: string, times: number) =>
    Array.from({ length: times }, (_, index) => collapse.decide(token, push(index)));

  it('is collapsed into the first few and one without content', () => {
    expect(decide('a', 5)).toEqual(['send', 'send', 'send-without-content', 'collapse', 'collapse']);
  });

  it('is not collapsed into what waited for another', () => {
    decide('a', 5);
    expect(collapse.decide('b', push())).toBe('send');
  });

  it('never loses the last ones: what did not arrive gives its place to the next try', () => {
    for (let tries = 0; tries < 10; tries++) {
      expect(collapse.decide('a', push())).toBe('send');
      collapse.giveBack('a');
    }
    expect(decide('a', 4)).toEqual(['send', 'send', 'send-without-content', 'collapse']);
    for (let places = 0; places < 3; places++) collapse.giveBack('a');
    expect(decide('a', 4)).toEqual(['send', 'send', 'send-without-content', 'collapse']);
  });

  it('lets the newest go whole when older ones took its place while it waited for its next try', () => {
    expect(collapse.decide('a', push())).toBe('send');
    collapse.giveBack('a');
    const older = [1, 2, 3, 4].map((age) => collapse.decide('a', push(age)));
    expect(older).toEqual(['send', 'send', 'send-without-content', 'collapse']);
    expect(collapse.decide('a', push())).toBe('send');
    expect(collapse.decide('a', push(5))).toBe('collapse');
  });

  it('is collapsed only into a push without content that went later: what came after it is told of by another one', () => {
    expect(decide('a', 4)).toEqual(['send', 'send', 'send-without-content', 'collapse']);
    const later = [-2000, -1000, -500].map((age) => collapse.decide('a', push(age)));
    expect(later).toEqual(['send', 'send-without-content', 'collapse']);
    expect(collapse.decide('a', push(5))).toBe('collapse');
  });
});
