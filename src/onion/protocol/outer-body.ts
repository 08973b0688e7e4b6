import { type JsonObject, parseJsonObject } from '../../encoding/json.js';

export interface OuterBody {
  /** A view into the request's bytes. */
  readonly ciphertext: Buffer;
  readonly fields: JsonObject;
}

const LENGTH_BYTES = 4;

/**
 * Splits the HTTP body of either version: `N (uint32, little-endian) | N bytes ciphertext | JSON object (UTF-8) to the end`.
 *
 * Null when a part is missing or the JSON is not one object. What the fields mean differs by version and is left to the
 * envelopes. See docs/protocol.md §1.2.
 */
export function parseOuterBody(body: Buffer): OuterBody | null {
  if (body.length < LENGTH_BYTES) return null;
  const end = LENGTH_BYTES + body.readUInt32LE(0);
  if (end > body.length) return null;
  const fields = parseJsonObject(body.subarray(end));
  return fields && { ciphertext: body.subarray(LENGTH_BYTES, end), fields };
}

/** Writes the body that {@link parseOuterBody} splits. */
export function encodeOuterBody(ciphertext: Buffer, fields: JsonObject): Buffer {
  const length = Buffer.allocUnsafe(LENGTH_BYTES);
  length.writeUInt32LE(ciphertext.length);
  return Buffer.concat([length, ciphertext, Buffer.from(JSON.stringify(fields))]);
}
