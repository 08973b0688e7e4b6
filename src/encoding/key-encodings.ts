const KEY_BYTES = 32;

/** 32 bytes of hex digits in any case, ASCII whitespace allowed around each byte but not inside one. */
const SPACED_HEX = /^[ \t\n\v\f\r]*(?:[0-9a-f]{2}[ \t\n\v\f\r]*){32}$/i;
const HEX = /^[0-9a-f]{64}$/i;
const BASE64 = /^[A-Za-z0-9+/]{43}=?$/;
const BASE32Z = /^[a-km-uw-z13-9]{52}$/i;
const BASE32Z_ALPHABET = 'ybndrfg8ejkmcpqxot1uwisza345h769';

/**
 * Reads a 32-byte key from hex as version 2 and the original's key file allow it: any case, whitespace between bytes (the
 * rule of Python's `bytes.fromhex`). Null for everything else.
 */
export function decodeHexKey(text: unknown): Buffer | null {
  if (typeof text !== 'string' || !SPACED_HEX.test(text)) return null;
  return Buffer.from(text.length === KEY_BYTES * 2 ? text : text.replace(/\s+/g, ''), 'hex');
}

/**
 * Reads a 32-byte key in the spellings of version 4, told apart by their length: 64 hex digits in any case, 43 characters
 * of standard base64 with or without the `=`, 52 characters of base32z in any case, or the raw bytes themselves.
 *
 * Raw means that the JSON string's UTF-8 encoding has exactly 32 bytes, as in libonionrequests; a key with bytes that are
 * not UTF-8 cannot be sent like that. Spare bits at the end of base64 and base32z are ignored. Null for everything else.
 */
export function decodeEphemeralKey(text: unknown): Buffer | null {
  if (typeof text !== 'string') return null;
  if (HEX.test(text)) return Buffer.from(text, 'hex');
  if (BASE64.test(text)) return Buffer.from(text, 'base64');
  if (BASE32Z.test(text)) return decodeBase32z(text.toLowerCase());
  return Buffer.byteLength(text) === KEY_BYTES ? Buffer.from(text) : null;
}

function decodeBase32z(text: string): Buffer {
  let bits = 0n;
  for (const character of text) bits = (bits << 5n) | BigInt(BASE32Z_ALPHABET.indexOf(character));
  const spareBits = BigInt(text.length * 5 - KEY_BYTES * 8);
  return Buffer.from((bits >> spareBits).toString(16).padStart(KEY_BYTES * 2, '0'), 'hex');
}
