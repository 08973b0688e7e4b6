import { beforeEach, describe, expect, it } from 'vitest';
import { StaleFold } from './stale-fold.js';

describe('what waited for one device', () => {
  let fold: StaleFold;
  beforeEach(() => {
    fold = new StaleFold(2, 60_000);
  });
  const decide = (token: string, times: number) => Array.from({ length: times }, () => fold.decide(token));

  it('is folded into the first few and one without content', () => {
    expect(decide('a', 5)).toEqual(['send', 'send', 'send-without-content', 'fold', 'fold']);
  });

  it('is not folded into what waited for another', () => {
    decide('a', 5);
    expect(fold.decide('b')).toBe('send');
  });

  it('never loses the last ones: what did not arrive gives its place to the next try', () => {
    for (let tries = 0; tries < 10; tries++) {
      expect(fold.decide('a')).toBe('send');
      fold.giveBack('a');
    }
    expect(decide('a', 4)).toEqual(['send', 'send', 'send-without-content', 'fold']);
    for (let places = 0; places < 3; places++) fold.giveBack('a');
    expect(decide('a', 4)).toEqual(['send', 'send', 'send-without-content', 'fold']);
  });
});
