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

describe('inPowersOfTwo of large rows', () => {
  const KIB = 1024;
  const bytesOf = (row: number) => row;

  it('cuts by bytes, too, and gives a row that is larger than a piece alone', () => {
    for (const rows of [new Array<number>(300).fill(60 * KIB), [1, 2, 500 * KIB, 3, 4], [500 * KIB], []]) {
      const pieces = [...inPowersOfTwo(rows, bytesOf)];
      expect(pieces.flat()).toEqual(rows);
      expect(pieces.every(({ length }) => isPowerOfTwo(length))).toBe(true);
      const sizes = pieces.map((piece) => piece.reduce((sum, row) => sum + row, 0));
      expect(pieces.every(({ length }, index) => length === 1 || (sizes[index] ?? 0) <= 400 * KIB)).toBe(true);
    }
  });

  it('does not cut small rows more often than without', () => {
    const small = new Array<number>(256).fill(KIB);
    expect([...inPowersOfTwo(small, bytesOf)]).toHaveLength(1);
  });
});

describe('placeholders', () => {
  it('gives one question mark per value', () => {
    expect(placeholders(1)).toBe('?');
    expect(placeholders(3)).toBe('?, ?, ?');
  });
});
