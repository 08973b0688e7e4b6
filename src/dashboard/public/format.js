const whole = new Intl.NumberFormat();
const compact = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const momentOfYear = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});
const hourOfDay = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const dayOfYear = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const monthOfYear = new Intl.DateTimeFormat(undefined, { month: 'short', year: 'numeric' });
const date = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });

const DAY_S = 86_400;

/** @param {number} value */
export const formatCount = (value) => whole.format(value);

/** For axes. @param {number} value */
export const formatCompact = (value) => compact.format(value);

/** @param {number | Date} time */
export const formatClock = (time) => clock.format(time);

/** @param {number} time */
export const formatMoment = (time) => moment.format(time);

/** For narrow columns: the year only when it is another one. @param {number} time */
export function formatShortMoment(time) {
  const isThisYear = new Date(time).getFullYear() === new Date().getFullYear();
  return (isThisYear ? momentOfYear : moment).format(time);
}

/**
 * @param {number} from
 * @param {number} to
 */
export const formatMoments = (from, to) => moment.formatRange(from, to);

/**
 * @param {number} from
 * @param {number} to
 */
export const formatDates = (from, to) => date.formatRange(from, to);

/** @param {number} time */
export const formatDate = (time) => date.format(time);

/** @param {number} seconds */
export function formatAge(seconds) {
  const rounded = Math.round(seconds);
  if (rounded < 60) return `${rounded} s`;
  if (rounded < 3600) return `${Math.floor(rounded / 60)} min`;
  if (rounded < DAY_S) return `${Math.floor(rounded / 3600)} h ${Math.floor((rounded % 3600) / 60)} min`;
  return `${Math.floor(rounded / DAY_S)} d ${Math.floor((rounded % DAY_S) / 3600)} h`;
}

/**
 * A label on the time axis.
 *
 * @param {number} time epoch seconds
 * @param {number} step between labels, seconds
 */
export function formatTick(time, step) {
  const at = new Date(time * 1000);
  if (step >= 28 * DAY_S) return monthOfYear.format(at);
  const midnight = at.getHours() === 0 && at.getMinutes() === 0;
  return step >= DAY_S || midnight ? dayOfYear.format(at) : hourOfDay.format(at);
}
