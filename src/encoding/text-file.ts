/** What a file holds as text, or why it is none, as the rest of a sentence. */
export type TextFile = { readonly text: string } | { readonly problem: string };

const UTF8_MARK = Buffer.of(0xef, 0xbb, 0xbf);
const UTF16_LITTLE = Buffer.of(0xff, 0xfe);
const UTF16_BIG = Buffer.of(0xfe, 0xff);

/**
 * Reads a text that a person saved, in UTF-8 or, as PowerShell and Notepad write it, in UTF-16. The byte order mark (U+FEFF)
 * in front is no part of it.
 *
 * UTF-16 is told by its mark; without one it has bytes of zero, which no text has.
 *
 * @see RFC 3629 §6, RFC 2781 §3.2
 */
export function decodeTextFile(bytes: Buffer): TextFile {
  const encoding = encodingOf(bytes);
  try {
    const text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
    return text.includes('\0') ? { problem: 'holds bytes of zero: save it as text in UTF-8' } : { text };
  } catch {
    return { problem: `is not text in ${encoding.slice(0, 6).toUpperCase()}: save it in UTF-8` };
  }
}

function encodingOf(bytes: Buffer): 'utf-8' | 'utf-16le' | 'utf-16be' {
  const starts = (mark: Buffer): boolean => bytes.subarray(0, mark.length).equals(mark);
  if (starts(UTF8_MARK)) return 'utf-8';
  return starts(UTF16_LITTLE) ? 'utf-16le' : starts(UTF16_BIG) ? 'utf-16be' : 'utf-8';
}
