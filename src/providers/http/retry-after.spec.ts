import { describe, expect, it } from 'vitest';
import { readRetryAfter } from './retry-after.js';

const NOW = Date.UTC(2026, 9, 21, 7, 28, 0);

describe('readRetryAfter', () => {
  it.each<[string | string[] | undefined, number | undefined]>([
    ['120', 120_000],
    [' 0 ', 0],
    [['5', '9'], 5000],
    ['Wed, 21 Oct 2026 07:28:30 GMT', 30_000],
    ['Wednesday, 21-Oct-26 07:28:30 GMT', 30_000],
    ['Wed, 21 Oct 2026 07:00:00 GMT', 0],
    ['3600', 3_600_000],
    ['9999999999', 3_600_000],
    ['Wed, 21 Oct 2026 08:28:01 GMT', 3_600_000],
    ['Sun, 06 Nov 2094 08:49:37 GMT', 3_600_000],
    [undefined, undefined],
    ['', undefined],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['2026-10-21', undefined],
    ['Wed, 99 Nix 2026 07:28:00 GMT', undefined],
  ])('reads %j as %j ms', (header, wait) => {
    expect(readRetryAfter(header, NOW)).toBe(wait);
  });
});
