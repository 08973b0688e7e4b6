import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeStringList, encodeStringList } from './bencode.js';

const decode = (text: string) => decodeStringList(Buffer.from(text))?.map(String) ?? null;

describe('decodeStringList', () => {
  it.each([
    ['one string', 'l3:abce', ['abc']],
    ['two strings', 'l3:abc2:dee', ['abc', 'de']],
    ['empty strings', 'l0:0:e', ['', '']],
    ['leading zeros in a length', 'l0003:abc00:e', ['abc', '']],
    ['bytes that look like structure', 'l4:1:ae3:e:le', ['1:ae', 'e:l']],
  ])('reads %s', (_name, text, expected) => {
    expect(decode(text)).toEqual(expected);
  });

  it.each([
    ['nothing', ''],
    ['one byte', 'l'],
    ['a single end mark', 'e'],
    ['an empty list', 'le'],
    ['no list', '3:abc'],
    ['a list without its end', 'l3:abc'],
    ['an end without its list', '3:abce'],
    ['a third string', 'l1:a1:b1:ce'],
    ['a byte between the strings', 'l1:ax1:be'],
    ['one byte behind the only string', 'l1:axe'],
    ['a byte behind the second string', 'l1:a1:bxe'],
    ['a byte behind the list', 'l1:aex'],
    ['a length beyond the end', 'l4:abce'],
    ['a length that takes the end mark', 'l3:abe'],
    ['a length that no number can hold', `l${'9'.repeat(400)}:ae`],
    ['a length without digits', 'l:e'],
    ['a length without its colon', 'l3e'],
    ['digits to the end', 'l33'],
    ['a negative length', 'l-1:ae'],
    ['a signed length', 'l+1:ae'],
    ['a length in spaces', 'l 1:ae'],
    ['a length with an underscore', 'l1_0:abcdefghije'],
    ['an integer', 'li1ee'],
    ['a nested list', 'll1:aee'],
  ])('refuses %s', (_name, text) => {
    expect(decode(text)).toBeNull();
  });

  it('hands out views, not copies', () => {
    const bytes = Buffer.from('l1:ae');
    expect(decodeStringList(bytes)?.[0].buffer).toBe(bytes.buffer);
  });

  it('reads back whatever was written, counting bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 2 }), (texts) => {
        expect(decodeStringList(encodeStringList(...texts))?.map(String)).toEqual(texts);
      }),
    );
  });

  it('refuses what was written when any byte is missing', () => {
    const whole = encodeStringList('{"endpoint":"/notify"}', '{"data":"\u00e9"}');
    for (let length = 0; length < whole.length; length++)
      expect(decodeStringList(whole.subarray(0, length)), `${length} bytes`).toBeNull();
  });

  it('never throws and never reads outside of the list', () => {
    const nearly = fc.string({ unit: fc.constantFrom('l', 'e', ':', '0', '1', '2', '9', 'x') });
    fc.assert(
      fc.property(nearly, (text) => {
        const parts = decode(text);
        if (parts) expect(parts.join('').length).toBeLessThan(text.length);
      }),
      { numRuns: 2000 },
    );
  });
});
