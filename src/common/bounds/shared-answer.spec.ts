import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { sharedAnswer } from './shared-answer.js';

const KEEP_MS = 50;

describe('sharedAnswer', () => {
  it('asks once for all who ask at the same time, however long it takes', async () => {
    let asked = 0;
    const answer = sharedAnswer(async () => {
      await sleep(2 * KEEP_MS);
      return ++asked;
    }, KEEP_MS);
    const first = answer();
    await sleep(KEEP_MS * 1.5);
    expect(await Promise.all([first, answer(), answer()])).toEqual([1, 1, 1]);
  });

  it('asks again when the answer is old', async () => {
    let asked = 0;
    const answer = sharedAnswer(async () => ++asked, KEEP_MS);
    expect([await answer(), await answer()]).toEqual([1, 1]);
    await sleep(KEEP_MS + 20);
    expect(await answer()).toBe(2);
  });

  it('shares a failure, too, and forgets it as it forgets an answer', async () => {
    let asked = 0;
    const answer = sharedAnswer(async () => {
      if (++asked === 1) throw new Error('not now');
      return asked;
    }, KEEP_MS);
    await expect(Promise.all([answer(), answer()])).rejects.toThrow('not now');
    await expect(answer()).rejects.toThrow('not now');
    await sleep(KEEP_MS + 20);
    expect(await answer()).toBe(2);
  });
});
