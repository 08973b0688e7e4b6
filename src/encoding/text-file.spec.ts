import { describe, expect, it } from 'vitest';
import { decodeTextFile } from './text-file.js';

const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le');

describe('decodeTextFile', () => {
  it.each([
    ['UTF-8', Buffer.from('Schlüssel\n')],
    ['UTF-8 with a mark', Buffer.from('\uFEFFSchlüssel\n')],
    ['UTF-16 of PowerShell', utf16('\uFEFFSchlüssel\n')],
    ['UTF-16 with the high byte first', utf16('\uFEFFSchlüssel\n').swap16()],
  ])('reads %s', (_what, bytes) => {
    expect(decodeTextFile(bytes)).toEqual({ text: 'Schlüssel\n' });
  });

  it('reads an empty file', () => {
    expect(decodeTextFile(Buffer.alloc(0))).toEqual({ text: '' });
  });

  it.each([
    ['UTF-16 without a mark', utf16('text'), 'holds bytes of zero: save it as text in UTF-8'],
    ['half a character of UTF-16', Buffer.of(0xff, 0xfe, 0x41), 'is not text in UTF-16: save it in UTF-8'],
    ['Latin-1', Buffer.from('Schlüssel', 'latin1'), 'is not text in UTF-8: save it in UTF-8'],
  ])('says what is wrong with %s', (_what, bytes, problem) => {
    expect(decodeTextFile(bytes)).toEqual({ problem });
  });
});
