import { HOUR_MS } from '../config/durations.js';

/** From `start` until before `end`, UTC epoch milliseconds. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface CountingTime {
  readonly period: Span;
  /** The part of the period that is counted by itself; null = the period is no longer than an hour. */
  readonly hour: Span | null;
}

/**
 * The period and the hour that a moment belongs to. Periods are aligned to multiples of their length since the epoch, so
 * that a restart goes on with the same row and several processes agree on it. Hours are a little shorter where whole ones
 * would not fill the period.
 */
export function countingTimeAt(time: number, periodMs: number): CountingTime {
  const start = Math.floor(time / periodMs) * periodMs;
  const period = { start, end: start + periodMs };
  if (periodMs <= HOUR_MS) return { period, hour: null };
  const hourMs = hourLengthMs(periodMs);
  const edges = Array.from({ length: Math.round(periodMs / hourMs) }, (_, index) => start + Math.round(index * hourMs));
  const index = edges.findLastIndex((edge) => edge <= time);
  return { period, hour: { start: edges[index] ?? start, end: edges[index + 1] ?? period.end } };
}

/** The length of the hours of a period; that of the period when it is no longer than an hour. */
export const hourLengthMs = (periodMs: number): number => periodMs / Math.ceil(periodMs / HOUR_MS);
