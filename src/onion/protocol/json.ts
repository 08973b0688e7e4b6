import { isUtf8 } from 'node:buffer';

export type JsonObject = { readonly [key: string]: unknown };

/**
 * Reads one JSON object from UTF-8 bytes or text; whitespace around it is fine.
 *
 * Null for anything else: invalid UTF-8 (which a lenient decoder would change silently), a byte order mark, text after
 * the object, an array, a scalar or `null`.
 */
export function parseJsonObject(source: Buffer | string): JsonObject | null {
  if (typeof source !== 'string' && !isUtf8(source)) return null;
  try {
    const value: unknown = JSON.parse(source.toString());
    return isJsonObject(value) ? value : null;
  } catch {
    // The only thing that JSON.parse throws; the text is the sender's, so not being JSON is an expected outcome.
    return null;
  }
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
