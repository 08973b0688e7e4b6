/** What several rounds gave. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: percentile(sorted, 0.5), min: percentile(sorted, 0), max: percentile(sorted, 1) };
}

/** The value below which a share (0 to 1) of the ascending values lies, between two of them where it falls there. */
export function percentile(ascending: ArrayLike<number>, share: number): number {
  const at = (ascending.length - 1) * share;
  const lower = ascending[Math.floor(at)] ?? NaN;
  const upper = ascending[Math.ceil(at)] ?? NaN;
  return lower + (upper - lower) * (at - Math.floor(at));
}

/** `median (min-max)` */
export function showSpread({ median, min, max }: Spread, digits = 0): string {
  const range = min === max ? '' : ` (${showNumber(min, digits)}-${showNumber(max, digits)})`;
  return showNumber(median, digits) + range;
}

export const showNumber = (value: number, digits = 0): string =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
