const HEX = /^[0-9a-f]*$/i;
const BASE64 = /^([A-Za-z0-9+/]+)(={0,2})$/;

/**
 * Reads a byte value of today's API: text that stands for exactly `length` bytes, in one of three spellings that its length
 * tells apart:
 *
 * - hexadecimal in any case: `2 * length` characters;
 * - standard base64 with its padding, or without it: `4 * ceil(length / 3)` or `ceil(length * 4 / 3)` characters;
 * - the bytes themselves, when they happen to be UTF-8: the text's UTF-8 encoding has `length` bytes.
 *
 * Spare bits at the end of base64 are ignored, as the apps' libraries do. Null for everything else, whatever its type.
 */
export function decodeByteValue(value: unknown, length: number): Buffer | null {
  if (typeof value !== 'string') return null;
  if (value.length === length * 2 && HEX.test(value)) return Buffer.from(value, 'hex');
  if (isBase64Of(value, length)) return Buffer.from(value, 'base64');
  return Buffer.byteLength(value) === length ? Buffer.from(value) : null;
}

function isBase64Of(text: string, bytes: number): boolean {
  const [, characters, padding] = BASE64.exec(text) ?? [];
  if (characters?.length !== Math.ceil((bytes * 4) / 3)) return false;
  return padding === '' || text.length === 4 * Math.ceil(bytes / 3);
}
