import { version } from 'uuid';
import { expect, it } from 'vitest';
import { newTimedId } from './timed-id.js';

it('makes ids of version 7 that differ, also when they are of one millisecond, and begin with their time', () => {
  const before = Date.now();
  const ids = Array.from({ length: 2000 }, newTimedId);
  const after = Date.now();
  expect(new Set(ids).size).toBe(ids.length);
  expect(new Set(ids.map((id) => id.slice(14))).size).toBe(ids.length);
  expect(new Set(ids.map((id) => version(id)))).toEqual(new Set([7]));
  for (const id of ids) {
    const time = parseInt(id.replace('-', '').slice(0, 12), 16);
    expect(time >= before && time <= after).toBe(true);
  }
});
