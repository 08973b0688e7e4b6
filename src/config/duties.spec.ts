import { describe, expect, it } from 'vitest';
import { type Role } from './environment.js';
import { dutiesOf, type Seat } from './duties.js';

const REDIS = 'redis://host';

describe('dutiesOf', () => {
  it.each<[Role, string | null, Seat, string]>([
    ['all', null, 'alone', 'accepts delivers leads'],
    ['all', null, 'leader', 'accepts delivers leads'],
    ['all', null, 'follower', 'accepts'],
    ['all', REDIS, 'alone', 'accepts delivers leads'],
    ['all', REDIS, 'follower', 'accepts delivers'],
    ['api', REDIS, 'alone', 'accepts leads'],
    ['api', REDIS, 'follower', 'accepts'],
    ['worker', REDIS, 'leader', 'delivers leads'],
    ['worker', REDIS, 'follower', 'delivers'],
  ])('with the role %s and Redis at %s, %s: %s', (role, redisUrl, seat, expected) => {
    const duties = Object.entries(dutiesOf({ role, redisUrl }, seat));
    expect(duties.flatMap(([duty, does]) => (does ? [duty] : [])).join(' ')).toBe(expected);
  });
});
