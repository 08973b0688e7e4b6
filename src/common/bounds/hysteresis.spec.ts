import { describe, expect, it } from 'vitest';
import { Hysteresis } from './hysteresis.js';

describe('Hysteresis', () => {
  it('turns bad and good after their times, and says each once', () => {
    const state = new Hysteresis(100, 50);
    const said = [0, 50, 99, 100, 150].map((now) => state.note(true, now));
    expect(said).toEqual([null, null, null, 'bad', null]);
    expect([200, 249, 250, 300].map((now) => state.note(false, now))).toEqual([null, null, 'good', null]);
  });

  it('begins anew when it was otherwise for a moment', () => {
    const state = new Hysteresis(100, 50);
    state.note(true, 0);
    state.note(false, 90);
    expect([100, 190, 200].map((now) => state.note(true, now))).toEqual([null, null, 'bad']);
    state.note(false, 210);
    state.note(true, 255);
    expect([260, 309, 310].map((now) => state.note(false, now))).toEqual([null, null, 'good']);
  });

  it('may turn at once', () => {
    const state = new Hysteresis(0, 0);
    expect([state.note(true, 1), state.note(false, 1)]).toEqual(['bad', 'good']);
  });
});
