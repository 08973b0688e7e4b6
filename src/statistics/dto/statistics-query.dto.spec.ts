import { describe, expect, it } from 'vitest';
import { parseLocalTime } from '../local-time.js';
import { NUMBER_COLUMNS, type NumberColumn, statisticsQuerySchema } from './statistics-query.dto.js';

const COLUMNS = Object.keys(NUMBER_COLUMNS) as NumberColumn[];
const problems = (query: unknown) =>
  statisticsQuerySchema.safeParse(query).error?.issues.map(({ path, message }) => [...path, message].join(' '));

describe('statisticsQuerySchema', () => {
  it('asks for everything when it is empty', () => {
    const query = statisticsQuerySchema.parse({});
    expect([query.start_date, query.end_date]).toEqual([undefined, undefined]);
    expect(COLUMNS.map((column) => query[column])).toEqual([true, true, true, true, true, true]);
  });

  it.each(['2026-01-15', '2026-01-15 10:20:30'])('takes both dates, alone or together, as %s', (date) => {
    const time = parseLocalTime(date);
    expect(statisticsQuerySchema.parse({ start_date: date })).toMatchObject({ start_date: time });
    expect(statisticsQuerySchema.parse({ end_date: date })).toMatchObject({ end_date: time });
    expect(statisticsQuerySchema.parse({ start_date: date, end_date: date })).toMatchObject({
      start_date: time,
      end_date: time,
    });
  });

  it('takes null for no date', () => {
    expect(statisticsQuerySchema.safeParse({ start_date: null, end_date: null }).success).toBe(true);
  });

  it.each(COLUMNS)('lets %s be left out with false or 0', (column) => {
    expect(statisticsQuerySchema.parse({ [column]: false })[column]).toBe(false);
    expect(statisticsQuerySchema.parse({ [column]: 0 })[column]).toBe(false);
    expect(statisticsQuerySchema.parse({ [column]: true })[column]).toBe(true);
    expect(statisticsQuerySchema.parse({ [column]: 1 })[column]).toBe(true);
    expect(problems({ [column]: 'no' })).toEqual([`${column} must be true or false, 1 or 0`]);
  });

  it.each(['tomorrow', '', 20260115, ['2026-01-15']])('names the date field that holds %j', (date) => {
    expect(problems({ start_date: date })).toEqual(['start_date must be YYYY-MM-DD or YYYY-MM-DD HH:MM:SS']);
    expect(problems({ end_date: date })).toEqual(['end_date must be YYYY-MM-DD or YYYY-MM-DD HH:MM:SS']);
  });

  it('names every field that is wrong', () => {
    expect(problems({ start_date: 'x', end_date: 'y', ios_pn_number: 'z' })).toHaveLength(3);
  });

  it.each([[[]], ['text'], [7], [null]])('refuses %j as a whole', (query) => {
    expect(problems(query)).toEqual(['the body must be a JSON object']);
  });
});
