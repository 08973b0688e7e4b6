import { COUNTERS, type Counts } from './statistics-counts.js';
import { type StatisticsPeriod } from './statistics-period.entity.js';

/** What was counted from `startDate` until `endDate`, UTC epoch milliseconds: in a period, an hour, or a part of a period. */
export type CountedTime = Counts & Pick<StatisticsPeriod, 'startDate' | 'endDate'>;

/**
 * Both oldest first. Hours say the same as periods, only finer. What a period has and its hours have not was counted
 * when there were none (by an older version, or they were removed) and comes before the first of them.
 */
export function byTheHour(periods: readonly CountedTime[], hours: readonly CountedTime[]): CountedTime[] {
  const begins = periods.map(({ startDate }) => startDate);
  const hoursBetween = (from: number, to = Infinity) =>
    hours.filter(({ startDate }) => startDate >= from && startDate < to);
  return [
    // Of a period that began before the first one.
    ...hoursBetween(-Infinity, begins[0]),
    ...periods.flatMap((period, index) => split(period, hoursBetween(period.startDate, begins[index + 1]))),
  ];
}

function split(period: CountedTime, [first, ...later]: readonly CountedTime[]): CountedTime[] {
  if (first === undefined) return [period];
  const rest = combined(period, [first, ...later], (all, hour) => Math.max(0, all - hour));
  if (COUNTERS.every((counter) => rest[counter] === 0)) return [first, ...later];
  if (first.startDate > period.startDate) return [{ ...rest, endDate: first.startDate }, first, ...later];
  return [combined(first, [rest], (hour, more) => hour + more), ...later];
}

function combined(
  row: CountedTime,
  others: readonly Counts[],
  combine: (value: number, other: number) => number,
): CountedTime {
  const made = { ...row };
  for (const counter of COUNTERS) {
    made[counter] = others.reduce((value, other) => combine(value, other[counter]), row[counter]);
  }
  return made;
}
