/** @typedef {import('../dto/statistics-data.dto.js').StatisticsData['periods'][number]} Period */
/** @typedef {{ from: number, to: number, values: number[] }} Row times in UTC epoch milliseconds */
/** @typedef {'period' | 'day' | 'week' | 'month'} Unit */

/** More bars than this are too thin to be told apart. */
const MOST_BARS = 200;

/** @type {readonly Unit[]} */
const UNITS = ['period', 'day', 'week', 'month'];

/**
 * Rows of the plots: the periods as they are, or summed up by day, week or month of the browser's calendar when they are
 * too many to draw.
 *
 * @param {readonly Period[]} periods oldest first
 * @param {(period: Period) => number[]} valuesOf
 * @returns {{ unit: Unit, rows: Row[] }}
 */
export function toRows(periods, valuesOf) {
  let made = { unit: /** @type {Unit} */ ('period'), rows: /** @type {Row[]} */ ([]) };
  for (const unit of UNITS) {
    made = { unit, rows: sumUp(periods, valuesOf, unit) };
    if (made.rows.length <= MOST_BARS) break;
  }
  return made;
}

/**
 * The time axis: the range that was asked for, and the whole of the first and the last bar.
 *
 * @param {readonly Row[]} rows
 * @param {{ from?: number, to?: number }} range
 * @param {number} periodMs
 */
export function boundsOf(rows, range, periodMs) {
  const first = rows[0]?.from ?? 0;
  const last = rows.at(-1) ?? { from: 0, to: 1 };
  return {
    from: Math.min(range.from ?? first, first),
    to: Math.max(range.to ?? 0, last.to, last.from + periodMs),
  };
}

/**
 * @param {readonly Period[]} periods
 * @param {(period: Period) => number[]} valuesOf
 * @param {Unit} unit
 * @returns {Row[]}
 */
function sumUp(periods, valuesOf, unit) {
  /** @type {Row[]} */
  const rows = [];
  for (const period of periods) {
    const from = beginOf(Date.parse(period.from), unit);
    const to = Date.parse(period.to);
    const values = valuesOf(period);
    const last = rows.at(-1);
    if (last?.from === from) {
      last.to = Math.max(last.to, to);
      last.values = last.values.map((value, index) => value + (values[index] ?? 0));
    } else {
      rows.push({ from, to, values });
    }
  }
  return rows;
}

/**
 * @param {number} time
 * @param {Unit} unit
 */
function beginOf(time, unit) {
  if (unit === 'period') return time;
  const day = new Date(time);
  day.setHours(0, 0, 0, 0);
  if (unit === 'week') day.setDate(day.getDate() - ((day.getDay() + 6) % 7));
  if (unit === 'month') day.setDate(1);
  return day.getTime();
}
