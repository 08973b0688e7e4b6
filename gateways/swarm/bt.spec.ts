import { describe, expect, it } from 'vitest';
import { btDict, type BtValue, encodeBt } from './bt.js';
import { oxenmqVectors } from './spec-vectors.js';

/** A recorded value: bytes are `{$hex}`, large numbers `{$int}`. */
function toBt(value: unknown): BtValue {
  if (typeof value === 'string' || typeof value === 'number') return value;
  if (Array.isArray(value)) return value.map(toBt);
  const object = value as Record<string, unknown>;
  if (typeof object['$hex'] === 'string') return Buffer.from(object['$hex'], 'hex');
  if (typeof object['$int'] === 'string') return BigInt(object['$int']);
  return btDict(Object.fromEntries(Object.entries(object).map(([key, item]) => [key, toBt(item)])));
}

/** Keys of the stand-ins are text. */
const known = oxenmqVectors.bt.valid.filter(({ value }) => !JSON.stringify(value).includes('$dict'));

describe('bt encoding', () => {
  it.each(known)('$what', ({ value, hex }) => {
    expect(encodeBt(toBt(value)).toString('hex')).toBe(hex);
  });

  it('writes entries as they stand, twice too', () => {
    const entries = [
      ['b', 1],
      ['a', Buffer.from('x')],
      ['b', -2n],
    ] as const;
    expect(encodeBt({ dict: entries }).toString()).toBe('d1:bi1e1:a1:x1:bi-2ee');
  });
});
