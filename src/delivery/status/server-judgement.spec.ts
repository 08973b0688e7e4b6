import { describe, expect, it } from 'vitest';
import { mostServersFail } from './server-judgement.js';

const judge = (known: number, failing: number, proven: number, provenFailing: number) =>
  mostServersFail({ known, failing, proven, provenFailing, largestFailing: [] });

describe('the servers that devices chose', () => {
  it.each<[string, [number, number, number, number], { count: number; of: number } | null]>([
    ['are there none', [0, 0, 0, 0], null],
    ['fail, one of them', [6, 1, 6, 1], null],
    ['fail, half of them', [6, 3, 6, 3], null],
    ['fail, more than half of them', [6, 4, 6, 4], { count: 4, of: 6 }],
    ['fail all', [40, 40, 20, 20], { count: 20, of: 20 }],
    ['fail all, and are few', [4, 4, 4, 4], null],
    ['fail all since the start', [5, 5, 0, 0], { count: 5, of: 5 }],
    ['fail where somebody made them up', [205, 200, 5, 0], null],
    ['fail where few took a push and many did not', [9, 8, 4, 3], { count: 8, of: 9 }],
  ])('%s', (_, [known, failing, proven, provenFailing], expected) => {
    expect(judge(known, failing, proven, provenFailing)).toEqual(expected);
  });
});
