import { describe, expect, it } from 'vitest';
import { countingTimeAt, hourLengthMs } from './statistics-clock.js';

const HOUR_MS = 3_600_000;

/** Every hour of a period, as its moments tell. */
function hoursOf(periodMs: number, start: number): [number, number][] {
  const hours: [number, number][] = [];
  for (let time = start; time < start + periodMs;) {
    const { hour, period } = countingTimeAt(time, periodMs);
    if (!hour) return [];
    expect(countingTimeAt(hour.end - 1, periodMs).hour).toEqual(hour);
    expect(period).toEqual({ start, end: start + periodMs });
    hours.push([hour.start - start, hour.end - start]);
    time = hour.end;
  }
  return hours;
}

describe('the time of a count', () => {
  it('is an hour of its period', () => {
    const noon = Date.UTC(2026, 10, 22, 12);
    expect(countingTimeAt(noon + 2.5 * HOUR_MS, 12 * HOUR_MS)).toEqual({
      period: { start: noon, end: noon + 12 * HOUR_MS },
      hour: { start: noon + 2 * HOUR_MS, end: noon + 3 * HOUR_MS },
    });
    expect(hourLengthMs(12 * HOUR_MS)).toBe(HOUR_MS);
  });

  it.each([1.5, 12, 12.7, 24, 1000 / 7])('fills a period of %d hours with hours', (hours) => {
    const periodMs = Math.round(hours * HOUR_MS);
    const parts = hoursOf(periodMs, 0);
    expect(parts).toHaveLength(Math.ceil(hours));
    expect(parts.at(0)?.[0]).toBe(0);
    expect(parts.at(-1)?.[1]).toBe(periodMs);
    expect(parts.slice(1).map(([begin]) => begin)).toEqual(parts.slice(0, -1).map(([, end]) => end));
  });

  it.each([1, 0.5])('is no part of a period of %d hours', (hours) => {
    expect(countingTimeAt(Date.now(), hours * HOUR_MS).hour).toBeNull();
    expect(hourLengthMs(hours * HOUR_MS)).toBe(hours * HOUR_MS);
  });
});
