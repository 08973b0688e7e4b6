import { describe, expect, it } from 'vitest';
import { encodeOuterBody, parseOuterBody } from './outer-body.js';

const frame = (length: number, rest: string) => {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(length);
  return Buffer.concat([head, Buffer.from(rest, 'latin1')]);
};

describe('parseOuterBody', () => {
  it('splits length, ciphertext and JSON', () => {
    expect(parseOuterBody(frame(3, 'abc{"x":1}'))).toEqual({ ciphertext: Buffer.from('abc'), fields: { x: 1 } });
  });

  it('reads the length little-endian', () => {
    const body = encodeOuterBody(Buffer.alloc(300), {});
    expect(body.subarray(0, 4).toString('hex')).toBe('2c010000');
    expect(parseOuterBody(body)?.ciphertext.length).toBe(300);
  });

  it.each([
    ['whitespace around the JSON', ' \t\r\n{"x":1}\n '],
    ['any key order and unknown keys', '{"y":[{}],"x":1}'],
    ['the last of a repeated key', '{"x":0,"x":1}'],
  ])('accepts %s', (_name, json) => {
    expect(parseOuterBody(frame(0, json))?.fields['x']).toBe(1);
  });

  it.each([
    ['an empty body', Buffer.alloc(0)],
    ['three bytes', Buffer.alloc(3)],
    ['a length and nothing else', frame(0, '')],
    ['a ciphertext without JSON', frame(3, 'abc')],
    ['a length one beyond the end', frame(3, '{}')],
    ['the largest length', frame(0xffffffff, '{}')],
    ['an array', frame(0, '[]')],
    ['a string', frame(0, '"x"')],
    ['null', frame(0, 'null')],
    ['bytes behind the object', frame(0, '{}x')],
    ['a zero byte behind the object', frame(0, '{}\0')],
    ['a byte order mark', frame(0, '\xef\xbb\xbf{}')],
    ['invalid UTF-8 in a field', frame(0, '{"x":"\xff"}')],
    ['an unfinished object', frame(0, '{"x":1')],
    ['very deep nesting', frame(0, '['.repeat(200_000))],
  ])('refuses %s', (_name, body) => {
    expect(parseOuterBody(body)).toBeNull();
  });
});
