import { formatCompact, formatTick } from './format.js';

/** @typedef {import('./traffic-rows.js').Row} Row */

const HEIGHT = 240;
/** Share of a bar's time that is left free. */
const GAP = 0.12;
const FONT = '12px system-ui, sans-serif';
/** From 1 upwards: there is no half message. */
const WHOLE_STEPS = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();

/** @type {typeof import('uplot')} */
const UPlot = /** @type {any} */ (globalThis).uPlot;

/** Stacked bars over time on a canvas. What they say has to be said in words as well, elsewhere. */
export class Plot {
  /**
   * @param {HTMLElement} place
   * @param {number} kinds how many values a row has; kind n has the colour --series-n
   * @param {(row: number | null) => void} pointed called with the row that is pointed at
   */
  constructor(place, kinds, pointed) {
    /** @type {Row[]} */
    this.rows = [];
    this.bounds = { from: 0, to: 1 };
    this.place = place;
    this.kinds = kinds;
    this.pointed = pointed;
    this.uplot = new UPlot(this.options(), this.data(), place);
    new ResizeObserver(() => this.uplot.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.uplot.redraw());
  }

  /**
   * @param {Row[]} rows
   * @param {{ from: number, to: number }} bounds the time axis, UTC epoch milliseconds
   */
  show(rows, bounds) {
    this.rows = rows;
    this.bounds = bounds;
    this.uplot.setData(this.data());
  }

  /** @param {number} row points at it as a mouse would */
  pointAt(row) {
    const time = this.rows[row]?.from;
    if (time === undefined) return;
    // A little to the right of the bar's edge, or rounding makes it the bar before.
    this.uplot.setCursor({ left: this.uplot.valToPos(time / 1000, 'x') + 1, top: 0 }, true);
  }

  /**
   * Tallest first, so that each bar covers the lower part of the one before and they look stacked.
   *
   * @returns {import('uplot').AlignedData}
   */
  data() {
    const times = this.rows.map(({ from }) => from / 1000);
    const stacks = Array.from({ length: this.kinds }, (_, drawn) =>
      this.rows.map(({ values }) => values.slice(0, this.kinds - drawn).reduce((sum, value) => sum + value, 0)),
    );
    return /** @type {import('uplot').AlignedData} */ ([times, ...stacks]);
  }

  /** @returns {import('uplot').Options} */
  options() {
    const axis = { font: FONT, stroke: () => colour('--quiet'), ticks: { show: false } };
    const grid = { stroke: () => colour('--grid'), width: 1 };
    return {
      width: this.place.clientWidth,
      height: HEIGHT,
      padding: [12, 24, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: false, y: false, setScale: false },
        dataIdx: (_plot, _series, _closest, time) => this.rowAt(time * 1000),
      },
      scales: {
        x: { time: true, range: () => [this.bounds.from / 1000, this.bounds.to / 1000] },
        y: { range: (_plot, _min, max) => [0, Math.max(4, (max ?? 0) * 1.08)] },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          size: 28,
          space: 64,
          values: (_plot, ticks, _axis, _space, step) => ticks.map((time) => formatTick(time, step)),
        },
        { ...axis, grid, size: 52, incrs: WHOLE_STEPS, values: (_plot, ticks) => ticks.map(formatCompact) },
      ],
      series: [{}, ...Array.from({ length: this.kinds }, (_, drawn) => this.bars(`--series-${this.kinds - drawn}`))],
      hooks: {
        setCursor: [
          (plot) =>
            this.pointed(plot.cursor.left === undefined || plot.cursor.left < 0 ? null : (plot.cursor.idx ?? null)),
        ],
      },
    };
  }

  /**
   * Bars as wide as the time that they stand for: those of the library are all as wide as the narrowest.
   *
   * @param {string} variable
   * @returns {import('uplot').Series}
   */
  bars(variable) {
    /** @type {import('uplot').Series.PathBuilder} */
    const paths = (plot, series) => {
      const fill = new Path2D();
      const ground = plot.valToPos(0, 'y', true);
      this.rows.forEach(({ from, to }, index) => {
        const [left, right] = [from, to].map((time) => Math.round(plot.valToPos(time / 1000, 'x', true)));
        const top = plot.valToPos(plot.data[series]?.[index] ?? 0, 'y', true);
        const width = (right ?? 0) - (left ?? 0);
        const gap = width > 4 ? Math.max(1, Math.round(width * GAP)) : 0;
        fill.rect(left ?? 0, top, Math.max(1, width - gap), ground - top);
      });
      return { fill, stroke: null, clip: null, band: null, flags: 0 };
    };
    return { fill: () => colour(variable), width: 0, points: { show: false }, paths };
  }

  /**
   * The row that a moment belongs to: the last that began before it.
   *
   * @param {number} time UTC epoch milliseconds
   */
  rowAt(time) {
    const after = this.rows.findIndex(({ from }) => from > time);
    return Math.max(0, (after === -1 ? this.rows.length : after) - 1);
  }
}

/** @param {string} variable a colour of page.css, which differ in the dark */
const colour = (variable) => getComputedStyle(document.documentElement).getPropertyValue(variable).trim();
