/**
 * Statements with lists are prepared once per length. Rounding lengths to powers of two keeps the number of different
 * statements small enough for the driver's cache.
 */
const MAX_ROWS = 256;

/**
 * MariaDB and MySQL refuse a statement above `max_allowed_packet` (16 MB unless it is set), now and at every further try.
 * In the text of a statement some characters need two bytes, so this stays below {@link LEAST_PACKET_BYTES}.
 */
const MAX_BYTES = 400 * 1024;

/** The smallest `max_allowed_packet` that the server can work with. */
export const LEAST_PACKET_BYTES = 1024 * 1024;

/** Repeats the last value until the length is a power of two; for `IN (…)`, where repeating changes nothing. */
export function padToPowerOfTwo<T>(values: readonly T[]): T[] {
  const last = values.at(-1);
  if (last === undefined) return [];
  const length = 2 ** Math.ceil(Math.log2(values.length));
  return [...values, ...new Array<T>(length - values.length).fill(last)];
}

/**
 * Cuts rows into pieces whose lengths are powers of two; for multi-row inserts.
 *
 * @param bytesOf for rows that may be large: how much of a statement one takes, about
 */
export function* inPowersOfTwo<T>(rows: readonly T[], bytesOf: (row: T) => number = () => 0): Generator<T[]> {
  for (let start = 0; start < rows.length;) {
    let size = Math.min(MAX_ROWS, 2 ** Math.floor(Math.log2(rows.length - start)));
    const bytesOfPiece = (): number => rows.slice(start, start + size).reduce((sum, row) => sum + bytesOf(row), 0);
    while (size > 1 && bytesOfPiece() > MAX_BYTES) size /= 2;
    yield rows.slice(start, start + size);
    start += size;
  }
}

/** `?, ?, ?` */
export const placeholders = (count: number): string => new Array<string>(count).fill('?').join(', ');
