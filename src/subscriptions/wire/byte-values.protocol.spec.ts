import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decodeByteValue } from './byte-values.protocol.js';

/** Those of today's API: keys, accounts, subaccount tags, signatures. */
const LENGTHS = [32, 33, 36, 64];

describe.each(LENGTHS)('a value of %i bytes', (length) => {
  const bytes = randomBytes(length);
  const base64 = bytes.toString('base64');
  const text = 'é'.padEnd(length - 1, 'x');

  it.each([
    ['hexadecimal', bytes.toString('hex')],
    ['hexadecimal in capitals', bytes.toString('hex').toUpperCase()],
    ['base64', base64],
    ['base64 without padding', base64.replaceAll('=', '')],
  ])('may be %s', (_name, value) => {
    expect(decodeByteValue(value, length)).toEqual(bytes);
  });

  it('may be the bytes themselves', () => {
    expect(decodeByteValue(text, length)).toEqual(Buffer.from(text));
  });

  it.each([
    ['a byte less', bytes.subarray(1).toString('hex')],
    ['a byte more', `${bytes.toString('hex')}00`],
    ['a hexadecimal digit less', bytes.toString('hex').slice(1)],
    ['hexadecimal with another character', `${bytes.toString('hex').slice(1)}g`],
    ['a byte less in base64', bytes.subarray(1).toString('base64')],
    ['base64url', `${'_'.repeat(base64.length - 2)}==`],
    ['base64 with too much padding', `${base64.replaceAll('=', '')}===`],
    ['padding in the middle', `=${base64.slice(1)}`],
    ['white space around', ` ${bytes.toString('hex')} `],
    ['characters that are more bytes than they look', 'é'.padEnd(length, 'x')],
    ['nothing', ''],
    ['null', null],
    ['absent', undefined],
    ['a number', 5],
    ['a list', [bytes.toString('hex')]],
    ['an object', { hex: bytes.toString('hex') }],
  ])('is not %s', (_name, value) => {
    expect(decodeByteValue(value, length)).toBeNull();
  });
});

it('ignores spare bits at the end of base64', () => {
  const canonical = Buffer.alloc(32).toString('base64');
  expect(decodeByteValue(canonical.replace('A=', 'B='), 32)).toEqual(Buffer.alloc(32));
});
