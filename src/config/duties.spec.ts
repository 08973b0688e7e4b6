import { describe, expect, it } from 'vitest';
import { type Role } from './environment.js';
import { dutiesOf, type Seat } from './duties.js';

const REDIS = 'redis://host';

describe('dutiesOf', () => {
  it.each<[Role, string | null, Seat, string]>([
    ['all', null, 'alone', 'accepts delivers watches leads'],
    ['all', null, 'leader', 'accepts delivers watches leads'],
    ['all', null, 'follower', 'accepts'],
    ['all', REDIS, 'alone', 'accepts delivers watches leads'],
    ['all', REDIS, 'follower', 'accepts delivers'],
    ['api', REDIS, 'alone', 'accepts leads'],
    ['api', REDIS, 'follower', 'accepts'],
    ['worker', REDIS, 'leader', 'delivers leads'],
    ['worker', REDIS, 'follower', 'delivers'],
    ['monitor', REDIS, 'leader', 'watches leads'],
    ['monitor', REDIS, 'follower', ''],
  ])('with the role %s and Redis at %s, %s: %s', (role, redisUrl, seat, expected) => {
    const duties = Object.entries(dutiesOf({ role, redisUrl }, seat));
    expect(duties.flatMap(([duty, does]) => (does ? [duty] : [])).join(' ')).toBe(expected);
  });
});
