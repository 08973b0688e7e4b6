const LIST = 0x6c; // l
const END = 0x65; // e
const COLON = 0x3a;
const ZERO = 0x30;

/**
 * Reads a bencoded list of one or two byte strings: `l <length>:<bytes> [<length>:<bytes>] e`, lengths in decimal digits.
 *
 * This is all that an onion v4 payload may be (docs/protocol.md §3.1). Leading zeros in a length are fine, as in
 * the original server; anything else than this form is null: other types, no string, a third string, a length beyond the
 * end, bytes between or behind. The strings are views into `bytes`, not copies.
 */
export function decodeStringList(bytes: Buffer): [Buffer] | [Buffer, Buffer] | null {
  if (bytes.length < 2 || bytes[0] !== LIST || bytes[bytes.length - 1] !== END) return null;
  const end = bytes.length - 1;
  const first = stringAt(bytes, 1, end);
  if (!first) return null;
  if (first.next === end) return [first.value];
  const second = stringAt(bytes, first.next, end);
  return second?.next === end ? [first.value, second.value] : null;
}

/** Writes the list that {@link decodeStringList} reads; the texts become UTF-8 and the lengths count bytes. */
export function encodeStringList(...texts: readonly string[]): Buffer {
  return Buffer.from(`l${texts.map((text) => `${Buffer.byteLength(text)}:${text}`).join('')}e`);
}

function stringAt(bytes: Buffer, start: number, end: number): { value: Buffer; next: number } | null {
  let position = start;
  let length = 0;
  for (; position < end && bytes[position] !== COLON; position++) {
    const digit = bytes.readUInt8(position) - ZERO;
    if (digit < 0 || digit > 9) return null;
    length = length * 10 + digit;
    if (length > end) return null;
  }
  const from = position + 1;
  if (position === start || from + length > end) return null;
  return { value: bytes.subarray(from, from + length), next: from + length };
}
