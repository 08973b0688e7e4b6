import { describe, expect, it } from 'vitest';
import { writeStatement } from './statement.protocol.js';

const hex = (text: string): string => `_utf8mb4 X'${Buffer.from(text).toString('hex')}'`;

describe('writeStatement', () => {
  it.each<[string, unknown, string]>([
    ['printable ASCII', 'Az09 +/=:"-_.~#%', `'Az09 +/=:"-_.~#%'`],
    ['an empty text', '', `''`],
    ['a number', -1.5, '-1.5'],
    ['a large number', 12345678901234567890n, '12345678901234567890'],
    ['a truth', true, 'true'],
    ['nothing', null, 'NULL'],
    ['an undefined value', undefined, 'NULL'],
    ['a time', new Date(Date.UTC(2030, 0, 31, 12, 30, 15, 7)), `'2030-01-31 12:30:15.007'`],
    ['bytes', Buffer.from([0, 0x27, 0x5c, 0xff]), `X'00275cff'`],
    ['bytes of another kind', new Uint8Array([1, 2]), `X'0102'`],
  ])('writes %s', (_what, value, literal) => {
    expect(writeStatement('SELECT ?', [value])).toBe(`SELECT ${literal}`);
  });

  it.each([
    "'",
    '\\',
    "\\'",
    "x'/**/OR/**/1=1#",
    '\0',
    'two\nlines',
    '\x1a',
    '\x7f',
    'ä',
    // In some character sets its last byte eats the backslash of an escape.
    '\u7e27',
    '😀',
  ])('leaves nothing of the text %j to be misread', (text) => {
    expect(writeStatement('SELECT ?', [`a${text}b`])).toBe(`SELECT ${hex(`a${text}b`)}`);
  });

  it('puts values in the order of their places, whatever they hold', () => {
    expect(writeStatement('SELECT ?, ?, 3', ["'?", '?'])).toBe(`SELECT ${hex("'?")}, '?', 3`);
  });

  it.each([
    ['SELECT ?', ['a', 'b']],
    ['SELECT ?, ?', ['a']],
    ['SELECT 1', ['a']],
    // Which of the two it is, is not ours to guess.
    ["SELECT ?, '?'", ['a']],
  ])('refuses %s with the values %j: there is not one for each place', (sql, values) => {
    expect(() => writeStatement(sql, values)).toThrow(TypeError);
  });

  it.each<[string, unknown]>([
    ['without values', undefined],
    ['with null for values', null],
    ['with an empty list of values', []],
  ])('leaves a statement %s as it is', (_how, values) => {
    expect(writeStatement('SELECT 1', values)).toBe('SELECT 1');
  });

  it.each<[string, unknown]>([
    ['a list', [["'"]]],
    ['an object', [{ id: 1 }]],
    ['an object that brings its SQL', [{ toSqlString: () => '1 OR 1' }]],
    ['a number that is none', [Number.NaN]],
    ['an endless number', [Number.POSITIVE_INFINITY]],
    ['a symbol', [Symbol('x')]],
    ['values that are no list', { id: 1 }],
  ])('refuses %s', (_what, values) => {
    expect(() => writeStatement('SELECT ?', values)).toThrow(TypeError);
  });
});
