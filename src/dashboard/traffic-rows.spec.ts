import { describe, expect, it } from 'vitest';

interface Row {
  readonly from: number;
  readonly to: number;
  readonly values: readonly number[];
}
interface Period {
  readonly from: string;
  readonly to: string;
  readonly count: number;
}
/** The page's script has its types in comments, which the compiler reads with the pages only. */
const { boundsOf, toRows } = (await import(new URL('public/traffic-rows.js', import.meta.url).href)) as {
  toRows: (periods: readonly Period[], valuesOf: (period: Period) => number[]) => { unit: string; rows: Row[] };
  boundsOf: (
    rows: readonly Row[],
    range: { from?: number; to?: number },
    periodMs: number,
  ) => { from: number; to: number };
};

const HOUR_MS = 3_600_000;
const PERIOD_MS = 12 * HOUR_MS;
const BEGIN = new Date(2026, 0, 5).getTime();
const periodsOf = (count: number, runsFor = PERIOD_MS): Period[] =>
  Array.from({ length: count }, (_, index) => {
    const from = BEGIN + index * PERIOD_MS;
    const to = from + (index === count - 1 ? runsFor : PERIOD_MS);
    return { from: new Date(from).toISOString(), to: new Date(to).toISOString(), count: index + 1 };
  });
const rowsOf = (periods: readonly Period[]) => toRows(periods, ({ count }) => [count]);

describe('the rows of a plot', () => {
  it('are the periods, and the running one ends where it was counted', () => {
    const { unit, rows } = rowsOf(periodsOf(3, HOUR_MS));
    expect(unit).toBe('period');
    expect(rows).toEqual([
      { from: BEGIN, to: BEGIN + PERIOD_MS, values: [1] },
      { from: BEGIN + PERIOD_MS, to: BEGIN + 2 * PERIOD_MS, values: [2] },
      { from: BEGIN + 2 * PERIOD_MS, to: BEGIN + 2 * PERIOD_MS + HOUR_MS, values: [3] },
    ]);
  });

  it.each([
    [200, 'period', 200],
    [201, 'day', 101],
    [2200, 'week', 158],
  ])('of %d periods are summed up by %s, and nothing is lost', (count, unit, bars) => {
    const made = rowsOf(periodsOf(count));
    expect([made.unit, made.rows.length]).toEqual([unit, bars]);
    expect(made.rows.reduce((sum, { values }) => sum + (values[0] ?? 0), 0)).toBe((count * (count + 1)) / 2);
    for (const [index, { from }] of made.rows.entries()) {
      if (index > 0) expect(from).toBeGreaterThanOrEqual(made.rows[index - 1]?.to ?? 0);
    }
  });
});

describe('the time axis', () => {
  const { rows } = rowsOf(periodsOf(3, HOUR_MS));

  it('is as long as the whole of the running period', () => {
    expect(boundsOf(rows, {}, PERIOD_MS)).toEqual({ from: BEGIN, to: BEGIN + 3 * PERIOD_MS });
  });

  it('is the range that was asked for, and no bar is cut', () => {
    const asked = { from: BEGIN - HOUR_MS, to: BEGIN + 9 * PERIOD_MS };
    expect(boundsOf(rows, asked, PERIOD_MS)).toEqual(asked);
    expect(boundsOf(rows, { from: BEGIN + HOUR_MS, to: BEGIN + HOUR_MS }, PERIOD_MS)).toEqual({
      from: BEGIN,
      to: BEGIN + 3 * PERIOD_MS,
    });
  });
});
