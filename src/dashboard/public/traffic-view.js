import { element, table } from './dom.js';
import { formatCount, formatDate, formatDates, formatMoments, formatShortMoment } from './format.js';
import { Plot } from './plot.js';
import { boundsOf, toRows } from './traffic-rows.js';

/** @typedef {import('./traffic-rows.js').Period} Period */
/** @typedef {import('./traffic-rows.js').Row} Row */
/** @typedef {import('./traffic-rows.js').Unit} Unit */

const HOUR_MS = 3_600_000;
const KEYS = new Set(['ArrowLeft', 'ArrowRight', 'Home', 'End']);

/** One figure: title and total, legend, plot, and the same as a table. */
export class TrafficView {
  /**
   * @param {HTMLElement} place
   * @param {string} title
   * @param {readonly string[]} kinds
   * @param {(period: Period) => number[]} valuesOf one value for each kind
   */
  constructor(place, title, kinds, valuesOf) {
    /** @type {Row[]} */
    this.rows = [];
    /** @type {Unit} */
    this.unit = 'period';
    this.unitInWords = '';
    this.pointedAt = -1;
    this.title = title;
    this.kinds = kinds;
    this.valuesOf = valuesOf;
    this.total = element('span', { class: 'total' }, '–');
    this.counts = kinds.map(() => element('b', {}));
    const legend = kinds.map((kind, index) =>
      element('li', { class: `series-${index + 1}` }, element('span', {}, `${kind} `, this.counts[index] ?? '')),
    );
    this.canvas = element('div', { class: 'plot', role: 'group', tabindex: '0' });
    this.empty = element('p', { class: 'empty', hidden: '' });
    this.readout = element('p', { class: 'note readout', 'aria-live': 'polite' });
    this.summary = element('summary', {}, 'As a table');
    this.cells = element('div', {
      class: 'scroll',
      tabindex: '0',
      role: 'region',
      'aria-label': `${title} as a table`,
    });
    this.details = element('details', {}, this.summary, this.cells);
    place.replaceChildren(
      element('figcaption', {}, element('h3', {}, title), this.total),
      element('ul', { class: 'legend' }, ...legend),
      this.canvas,
      this.empty,
      this.readout,
      this.details,
    );
    this.plot = new Plot(this.canvas, kinds.length, (row) => this.point(row));
    this.canvas.addEventListener('keydown', (event) => this.walk(event));
    this.canvas.addEventListener('blur', () => this.point(null));
    // A long table is only made for those who want to see it.
    this.details.addEventListener('toggle', () => this.fillTable());
  }

  /**
   * @param {readonly Period[]} periods
   * @param {{ from?: number, to?: number }} range what was asked for
   * @param {number} periodMs
   */
  show(periods, range, periodMs) {
    const { unit, rows } = toRows(periods, this.valuesOf);
    this.unit = unit;
    this.unitInWords = unit === 'period' ? lengthInWords(periodMs / HOUR_MS) : unit;
    this.rows = rows;
    const sums = this.kinds.map((_, index) => rows.reduce((sum, { values }) => sum + (values[index] ?? 0), 0));
    const total = sums.reduce((sum, value) => sum + value, 0);
    this.total.textContent = formatCount(total);
    this.counts.forEach((place, index) => (place.textContent = formatCount(sums[index] ?? 0)));
    this.empty.hidden = rows.length > 0;
    this.canvas.hidden = this.readout.hidden = this.details.hidden = rows.length === 0;
    this.empty.textContent = 'Nothing was counted in this time.';
    this.canvas.setAttribute('aria-label', this.inWords(total));
    this.point(null);
    this.fillTable();
    this.plot.show(rows, boundsOf(rows, range, periodMs));
  }

  /** @param {number} total */
  inWords(total) {
    const tallest = this.rows.reduce((most, row) => Math.max(most, sumOf(row)), 0);
    return (
      `${this.title}, bars, one for each ${this.unitInWords}: ${formatCount(total)} in ${this.rows.length} bars, ` +
      `at most ${formatCount(tallest)} in one. The left and right arrow keys go from bar to bar; a table follows.`
    );
  }

  /** @param {number | null} index */
  point(index) {
    const row = index === null ? undefined : this.rows[index];
    this.pointedAt = row && index !== null ? index : -1;
    this.readout.textContent = row
      ? `${this.timeOf(row)}: ${this.kinds.map((kind, at) => `${kind} ${formatCount(row.values[at] ?? 0)}`).join(', ')}`
      : `One bar for each ${this.unitInWords}.`;
  }

  /** @param {KeyboardEvent} event */
  walk(event) {
    if (!KEYS.has(event.key)) return;
    event.preventDefault();
    const last = this.rows.length - 1;
    const steps = {
      ArrowLeft: this.pointedAt < 0 ? last : this.pointedAt - 1,
      ArrowRight: this.pointedAt + 1,
      End: last,
    };
    const next = steps[/** @type {keyof steps} */ (event.key)] ?? 0;
    this.plot.pointAt(Math.min(Math.max(next, 0), last));
  }

  fillTable() {
    if (!(/** @type {HTMLDetailsElement} */ (this.details).open)) return this.cells.replaceChildren();
    const rows = this.rows
      .map((row) => [this.beginOf(row), ...[...row.values, sumOf(row)].map(formatCount)])
      .toReversed();
    this.cells.replaceChildren(table(`${this.title}, newest first`, ['Begins', ...this.kinds, 'Total'], rows));
  }

  /** @param {Row} row */
  beginOf({ from }) {
    return this.unit === 'period' ? formatShortMoment(from) : formatDate(from);
  }

  /** @param {Row} row */
  timeOf({ from, to }) {
    switch (this.unit) {
      case 'period':
        return formatMoments(from, to);
      case 'day':
        return formatDate(from);
      case 'week':
      case 'month':
        return formatDates(from, to);
    }
  }
}

/** @param {number} hours */
const lengthInWords = (hours) => (hours === 1 ? 'hour' : `period of ${formatCount(hours)} hours`);

/** @param {Row} row */
const sumOf = ({ values }) => values.reduce((sum, value) => sum + value, 0);
