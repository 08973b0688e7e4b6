import { describe, expect, it } from 'vitest';
import { inPowersOfTwo, padToPowerOfTwo, placeholders } from './statement-sizes.js';

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const isPowerOfTwo = (value: number) => Number.isInteger(Math.log2(value));

describe('padToPowerOfTwo', () => {
  it('repeats the last value up to the next power of two, and no further', () => {
    for (let count = 1; count <= 600; count++) {
      const padded = padToPowerOfTwo(numbers(count));
      expect(isPowerOfTwo(padded.length) && padded.length >= count && padded.length < 2 * count).toBe(true);
      expect(padded.slice(0, count)).toEqual(numbers(count));
      expect(new Set(padded).size).toBe(count);
    }
  });

  it('leaves an empty list empty', () => {
    expect(padToPowerOfTwo([])).toEqual([]);
  });
});

describe('inPowersOfTwo', () => {
  it('cuts rows into pieces of a power of two, at most 256, that are the rows again', () => {
    for (const count of [...numbers(300), 1024, 5000]) {
      const pieces = [...inPowersOfTwo(numbers(count))];
      expect(pieces.flat()).toEqual(numbers(count));
      expect(pieces.every(({ length }) => isPowerOfTwo(length) && length <= 256)).toBe(true);
    }
  });
});

describe('placeholders', () => {
  it('gives one question mark per value', () => {
    expect(placeholders(1)).toBe('?');
    expect(placeholders(3)).toBe('?, ?, ?');
  });
});
