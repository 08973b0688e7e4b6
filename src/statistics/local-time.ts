/**
 * Times of the statistics API: `YYYY-MM-DD HH:MM:SS` in the process's time zone, as clients of the original server
 * expect; a date alone means its first second.
 */
const PATTERN = /^(\d{4})-(\d{1,2})-(\d{1,2})(?: (\d{1,2}):(\d{1,2}):(\d{1,2}))?$/;

/** UTC epoch milliseconds, or null when the text is not a date of the calendar in one of the two forms. */
export function parseLocalTime(text: string): number | null {
  const match = PATTERN.exec(text);
  if (!match) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map((part) => Number(part ?? 0));
  const date = new Date(year, month - 1, day, hour, minute, second);
  const sameDay = date.getFullYear() === year && date.getMonth() === month - 1 && date.getDate() === day;
  return sameDay && hour < 24 && minute < 60 && second < 60 ? date.getTime() : null;
}

export function formatLocalTime(epochMs: number): string {
  const date = new Date(epochMs);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${String(date.getFullYear()).padStart(4, '0')}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
