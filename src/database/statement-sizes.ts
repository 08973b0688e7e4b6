/**
 * Statements with lists are prepared once per length. Rounding lengths to powers of two keeps the number of different
 * statements small enough for the driver's cache.
 */
const MAX_ROWS = 256;

/** Repeats the last value until the length is a power of two; for `IN (…)`, where repeating changes nothing. */
export function padToPowerOfTwo<T>(values: readonly T[]): T[] {
  const last = values.at(-1);
  if (last === undefined) return [];
  const length = 2 ** Math.ceil(Math.log2(values.length));
  return [...values, ...new Array<T>(length - values.length).fill(last)];
}

/** Cuts rows into pieces whose lengths are powers of two; for multi-row inserts. */
export function* inPowersOfTwo<T>(rows: readonly T[]): Generator<T[]> {
  for (let start = 0; start < rows.length;) {
    const size = Math.min(MAX_ROWS, 2 ** Math.floor(Math.log2(rows.length - start)));
    yield rows.slice(start, start + size);
    start += size;
  }
}

/** `?, ?, ?` */
export const placeholders = (count: number): string => new Array<string>(count).fill('?').join(', ');
