import { byId } from './dom.js';

/** @typedef {{ from?: number, to?: number }} Range UTC epoch milliseconds; absent = no bound */

const DAY_MS = 86_400_000;
/** @type {Record<string, number>} */
const DAYS_BACK = { day: 1, week: 7, month: 30 };

/** Lets the operator choose a time range, and keeps the choice in the address so that a reload shows the same. */
export class RangePicker {
  /** @param {() => void} changed called when another range is chosen */
  constructor(changed) {
    this.radios = /** @type {HTMLInputElement[]} */ ([...document.querySelectorAll('input[name="range"]')]);
    this.custom = byId('custom-range');
    this.from = /** @type {HTMLInputElement} */ (byId('custom-from'));
    this.to = /** @type {HTMLInputElement} */ (byId('custom-to'));
    this.problem = byId('custom-problem');
    this.restore();
    for (const input of [...this.radios, this.from, this.to]) {
      input.addEventListener('change', () => {
        this.show();
        changed();
      });
    }
  }

  /** @returns {string} */
  get chosen() {
    return this.radios.find((radio) => radio.checked)?.value ?? 'week';
  }

  /** @returns {Range} what is chosen, as it is at this moment */
  read() {
    const days = DAYS_BACK[this.chosen];
    if (days !== undefined) return { from: Date.now() - days * DAY_MS };
    if (this.chosen === 'all') return {};
    const from = localMidnight(this.from.value);
    const lastDay = localMidnight(this.to.value);
    if (lastDay === undefined) return from === undefined ? {} : { from };
    // The last day is meant whole; the calendar knows how long it is.
    const end = new Date(lastDay);
    end.setDate(end.getDate() + 1);
    const to = end.getTime();
    return { from: from === undefined ? from : Math.min(from, to), to };
  }

  show() {
    const isCustom = this.chosen === 'custom';
    this.tell();
    this.custom.hidden = !isCustom;
    this.from.max = this.to.value;
    this.to.min = this.from.value;
    const kept = new URLSearchParams({ range: this.chosen });
    if (isCustom) {
      kept.set('from', this.from.value);
      kept.set('to', this.to.value);
    }
    history.replaceState(null, '', `#${kept}`);
  }

  /** A range that ends before it begins shows nothing, and looks like a server without traffic. */
  tell() {
    const [from, to] = [this.from.value, this.to.value];
    const isBackward = from !== '' && to !== '' && from > to;
    this.problem.textContent = isBackward ? 'The first day is after the last one.' : '';
    this.problem.hidden = !isBackward;
  }

  restore() {
    const kept = new URLSearchParams(location.hash.slice(1));
    const radio = this.radios.find(({ value }) => value === kept.get('range'));
    if (radio) radio.checked = true;
    this.from.value = kept.get('from') || inputDate(Date.now() - 7 * DAY_MS);
    this.to.value = kept.get('to') || inputDate(Date.now());
    this.custom.hidden = this.chosen !== 'custom';
    this.tell();
  }
}

/** @param {string} text YYYY-MM-DD, or nothing */
function localMidnight(text) {
  const time = new Date(`${text}T00:00:00`).getTime();
  return Number.isNaN(time) ? undefined : time;
}

/** @param {number} time */
function inputDate(time) {
  const day = new Date(time);
  const two = (/** @type {number} */ value) => String(value).padStart(2, '0');
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}
