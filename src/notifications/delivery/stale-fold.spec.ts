import { beforeEach, describe, expect, it } from 'vitest';
import { StaleFold } from './stale-fold.js';

describe('what waited for one device', () => {
  let fold: StaleFold;
  beforeEach(() => {
    fold = new StaleFold(2, 60_000);
  });
  /** The newest, or the one that came so many milliseconds before it. */
  const push = (age = 0) => ({ notificationId: `n${age}`, acceptedAt: 1_000_000 - age });
  /** Newest first. */
  const decide = (token: string, times: number) =>
    Array.from({ length: times }, (_, index) => fold.decide(token, push(index)));

  it('is folded into the first few and one without content', () => {
    expect(decide('a', 5)).toEqual(['send', 'send', 'send-without-content', 'fold', 'fold']);
  });

  it('is not folded into what waited for another', () => {
    decide('a', 5);
    expect(fold.decide('b', push())).toBe('send');
  });

  it('never loses the last ones: what did not arrive gives its place to the next try', () => {
    for (let tries = 0; tries < 10; tries++) {
      expect(fold.decide('a', push())).toBe('send');
      fold.giveBack('a');
    }
    expect(decide('a', 4)).toEqual(['send', 'send', 'send-without-content', 'fold']);
    for (let places = 0; places < 3; places++) fold.giveBack('a');
    expect(decide('a', 4)).toEqual(['send', 'send', 'send-without-content', 'fold']);
  });

  it('lets the newest go whole when older ones took its place while it waited for its next try', () => {
    expect(fold.decide('a', push())).toBe('send');
    fold.giveBack('a');
    const older = [1, 2, 3, 4].map((age) => fold.decide('a', push(age)));
    expect(older).toEqual(['send', 'send', 'send-without-content', 'fold']);
    expect(fold.decide('a', push())).toBe('send');
    expect(fold.decide('a', push(5))).toBe('fold');
  });
});
