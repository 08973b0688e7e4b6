import { expect, it } from 'vitest';
import { inPieces } from './in-pieces.js';

it.each([
  [0, []],
  [3, [3]],
  [4, [3, 1]],
  [6, [3, 3]],
])('%i in pieces of 3 are %j', (count, lengths) => {
  const list = Array.from({ length: count }, (_, index) => index);
  expect(inPieces(list, 3).map((piece) => piece.length)).toEqual(lengths);
  expect(inPieces(list, 3).flat()).toEqual(list);
});
