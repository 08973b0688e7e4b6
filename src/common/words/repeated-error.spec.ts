import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { RepeatedError } from './repeated-error.js';

let lines: Record<string, unknown>[];
let errors: RepeatedError;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  lines = [];
  errors = new RepeatedError((line) => lines.push(line));
});
afterEach(() => void vi.useRealTimers());

const FAILED = { msg: 'it failed' };
const refused = () => Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });

it('tells the first at once', () => {
  errors.log(FAILED, refused());
  expect(lines).toMatchObject([{ msg: 'it failed', error: { code: 'ECONNREFUSED' } }]);
});

it('tells one a second, with how many were left out', () => {
  for (let count = 0; count < 1000; count++) errors.log(FAILED, refused());
  vi.advanceTimersByTime(1001);
  errors.log(FAILED, refused());
  vi.advanceTimersByTime(1001);
  errors.log(FAILED, refused());
  expect(lines.map(({ leftOut }) => leftOut)).toEqual([undefined, 999, undefined]);
});

it('never leaves out an error of another kind', () => {
  errors.log(FAILED, refused());
  errors.log(FAILED, new TypeError('another type'));
  errors.log(FAILED, Object.assign(new Error('refused'), { code: 'ETIMEDOUT' }));
  errors.log({ msg: 'something else failed' }, refused());
  errors.log({ ...FAILED, command: 'notify' }, refused());
  expect(lines).toHaveLength(5);
});
