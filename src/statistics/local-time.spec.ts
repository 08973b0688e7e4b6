import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatLocalTime, parseLocalTime } from './local-time.js';

describe('local time', () => {
  const zone = process.env.TZ;
  const restore = () => {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  };
  beforeEach(() => {
    process.env.TZ = 'Australia/Melbourne';
  });
  afterEach(restore);

  it('is read in the time zone of the process', () => {
    expect(parseLocalTime('2026-01-15 12:00:00')).toBe(Date.UTC(2026, 0, 15, 1));
    process.env.TZ = 'UTC';
    expect(parseLocalTime('2026-01-15 12:00:00')).toBe(Date.UTC(2026, 0, 15, 12));
  });

  it('takes a date alone for its first second', () => {
    expect(parseLocalTime('2026-01-15')).toBe(Date.UTC(2026, 0, 14, 13));
  });

  it('takes numbers without leading zeros, as the original does', () => {
    expect(parseLocalTime('2026-1-5 3:4:5')).toBe(parseLocalTime('2026-01-05 03:04:05'));
  });

  it('knows leap days', () => {
    expect(parseLocalTime('2028-02-29')).not.toBeNull();
    expect(parseLocalTime('2026-02-29')).toBeNull();
  });

  it('takes a time that the change to summer time leaves out', () => {
    expect(parseLocalTime('2026-10-04 02:30:00')).toBe(Date.UTC(2026, 9, 3, 16, 30));
  });

  it.each([
    '',
    'yesterday',
    '2026-01',
    '2026-13-01',
    '2026-00-10',
    '2026-01-00',
    '2026-04-31',
    '2026-01-15 24:00:00',
    '2026-01-15 12:60:00',
    '2026-01-15 12:00:60',
    '2026-01-15T12:00:00',
    '2026-01-15 12:00',
    ' 2026-01-15',
    '2026-01-15\n',
    '0000-01-01',
    '99-01-01',
    '12026-01-01',
    "2026-01-15' OR 1=1",
  ])('refuses %j', (text) => {
    expect(parseLocalTime(text)).toBeNull();
  });

  it('is written as it is read', () => {
    for (const text of ['2026-01-05 03:04:05', '1999-12-31 23:59:59', '2026-07-01 00:00:00']) {
      expect(formatLocalTime(parseLocalTime(text) ?? 0)).toBe(text);
    }
  });

  it('leaves milliseconds out', () => {
    expect(formatLocalTime(Date.UTC(2026, 0, 15, 1, 0, 0, 999))).toBe('2026-01-15 12:00:00');
  });
});
