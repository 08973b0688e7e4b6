import { isUtf8 } from 'node:buffer';

export type JsonObject = { readonly [key: string]: unknown };

/** What can be written as JSON. A key whose value is undefined is left out. */
export type JsonValue =
  string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue | undefined };

/** No app sends more: a list of subscriptions that fills the largest body has some 28,000. */
export const MAX_JSON_VALUES = 30_000;

/**
 * Reads one JSON value that a stranger sent, from UTF-8 bytes or text; whitespace around it is fine.
 *
 * Undefined, which no JSON is, for anything else: invalid UTF-8 (which a lenient decoder would change silently), a byte
 * order mark, text after the value, nothing at all. And for JSON of more than {@link MAX_JSON_VALUES}: a megabyte of
 * brackets or of short keys would keep `JSON.parse`, and with it everybody else, busy for half a second.
 */
export function parseJson(source: Buffer | string): unknown {
  if (typeof source !== 'string' && !isUtf8(source)) return undefined;
  const text = source.toString();
  if (hasTooManyValues(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // The only thing that JSON.parse throws; the text is the sender's, so not being JSON is an expected outcome.
    return undefined;
  }
}

/** As {@link parseJson}, and null for an array, a scalar or `null` too. */
export function parseJsonObject(source: Buffer | string): JsonObject | null {
  const value = parseJson(source);
  return isJsonObject(value) ? value : null;
}

const [QUOTE, BACKSLASH, COMMA, BRACKET, BRACE] = ['"', '\\', ',', '[', '{'].map((sign) => sign.charCodeAt(0));

/** Counts what begins a value inside another: `[`, `{` and `,` outside of strings. */
function hasTooManyValues(text: string): boolean {
  if (text.length <= MAX_JSON_VALUES) return false;
  let values = 0;
  let inString = false;
  for (let index = 0; index < text.length; index++) {
    const sign = text.charCodeAt(index);
    if (inString) {
      if (sign === BACKSLASH) index++;
      else if (sign === QUOTE) inString = false;
    } else if (sign === QUOTE) inString = true;
    else if ((sign === COMMA || sign === BRACKET || sign === BRACE) && ++values > MAX_JSON_VALUES) return true;
  }
  return false;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
