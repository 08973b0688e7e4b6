export type JsonObject = Record<string, unknown>;

/** Reads a JSON object from bytes that a provider sent; undefined when they are anything else. */
export function parseJsonObject(bytes: Buffer | string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
