import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RecentValues } from './recent-values.js';

const keyOf = (name: string | number): string => createHash('sha256').update(`${name}`).digest('base64');
const bytesOf = (name: string | number): Buffer => Buffer.from(`value of ${name}`);

describe('recent values', () => {
  let now = 0;
  beforeEach(() => {
    now = 5000;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
  });
  afterEach(() => vi.restoreAllMocks());

  it('are known for the period, and no longer', () => {
    const values = new RecentValues({ periodMs: 1000, maxKeys: 100, maxBytes: 1000 });
    values.set(keyOf('a'), bytesOf('a'));
    now += 999;
    expect(values.find(keyOf('a'))).toEqual(bytesOf('a'));
    expect(values.find(keyOf('b'))).toBeNull();
    now += 1;
    expect(values.find(keyOf('a'))).toBeNull();
  });

  it('that are set again count from then on, with what they are by then', () => {
    const values = new RecentValues({ periodMs: 1000, maxKeys: 100, maxBytes: 1000 });
    values.set(keyOf('a'), bytesOf('a'));
    now += 600;
    values.set(keyOf('a'), bytesOf('other'));
    now += 900;
    expect(values.find(keyOf('a'))).toEqual(bytesOf('other'));
  });

  it('are each known for the whole period, whenever others come', () => {
    const values = new RecentValues({ periodMs: 1000, maxKeys: 1000 });
    const lifetimes = Array.from({ length: 50 }, (_, index) => {
      now += 37;
      values.set(keyOf(index));
      return now;
    });
    for (; now < 12_000; now += 10) {
      lifetimes.forEach((addedAt, index) => {
        expect(values.has(keyOf(index)), `${index} at ${now}`).toBe(now - addedAt < 1000);
      });
      values.set(keyOf('another'));
    }
  });

  it('are kept apart in tables of any size, and given as copies', () => {
    const values = new RecentValues({ periodMs: 1000, maxKeys: 20_000, maxBytes: 2_000_000 });
    for (let index = 0; index < 9000; index++) values.set(keyOf(index), bytesOf(index));
    values.find(keyOf(7))?.fill(0);
    for (let index = 0; index < 9000; index++) expect(values.find(keyOf(index))).toEqual(bytesOf(index));
    expect(values.has(keyOf(9000))).toBe(false);
  });

  it('are bounded in number and in bytes: the newer half is always known', () => {
    const values = new RecentValues({ periodMs: 1000, maxKeys: 10, maxBytes: 1000 });
    for (let index = 0; index < 50; index++) values.set(keyOf(index), bytesOf(index));
    const known = Array.from({ length: 50 }, (_, index) => index).filter((index) => values.has(keyOf(index)));
    expect(known.length).toBeGreaterThanOrEqual(5);
    expect(known.length).toBeLessThanOrEqual(10);
    expect(known.at(-1)).toBe(49);

    for (let index = 0; index < 3; index++) values.set(keyOf(`large ${index}`), Buffer.alloc(300, index));
    expect(values.has(keyOf(49))).toBe(false);
    expect(values.find(keyOf('large 2'))).toEqual(Buffer.alloc(300, 2));
    values.set(keyOf('too large'), Buffer.alloc(501));
    expect(values.has(keyOf('too large'))).toBe(false);
    expect(values.has(keyOf('large 2'))).toBe(true);
  });
});
