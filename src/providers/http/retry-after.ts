/** One odd answer must not hold up all pushes of a provider for longer; a provider that needs longer asks for it again. */
const LONGEST_MS = 3_600_000;

/**
 * Reads a `Retry-After` header: whole seconds (`120`) or an HTTP date (`Wed, 21 Oct 2026 07:28:00 GMT`).
 *
 * @param now UTC epoch milliseconds that a date is measured against
 * @returns milliseconds to wait, an hour at most, 0 for a date that has passed; undefined when absent or unreadable
 * @see RFC 9110 section 10.2.3
 */
export function readRetryAfter(header: string | string[] | undefined, now: number): number | undefined {
  const value = (Array.isArray(header) ? header[0] : header)?.trim();
  if (value === undefined) return undefined;
  const wait = /^\d{1,10}$/.test(value)
    ? Number(value) * 1000
    : /^[A-Z][a-z]{2,8}, .{7,22} GMT$/.test(value)
      ? Date.parse(value) - now
      : NaN;
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), LONGEST_MS);
}
