import { byId } from './dom.js';
import { formatClock } from './format.js';
import { RangePicker } from './range-picker.js';
import { getStatus, getTraffic, NoAnswer, RefusedRequest } from './requests.js';
import { showStatus, showUnknown } from './status-view.js';
import { TrafficView } from './traffic-view.js';

const STATUS_EVERY_MS = 10_000;
const TRAFFIC_EVERY_MS = 60_000;
const HOUR_MS = 3_600_000;
/** Two days of the calendar, one of which may have 25 hours. */
const SHOWN_BY_HOUR_MS = 49 * HOUR_MS;

const live = /** @type {HTMLInputElement} */ (byId('live'));
const messages = new TrafficView(
  byId('messages'),
  'Messages',
  ['One-to-one', 'Closed group', 'Untracked'],
  (period) => [period.messages.oneToOne, period.messages.closedGroup, period.messages.untracked],
);
const pushes = new TrafficView(byId('pushes'), 'Pushes', ['iOS', 'Android', 'Huawei'], (period) => [
  period.pushes.ios,
  period.pushes.android,
  period.pushes.huawei,
]);
const picker = new RangePicker(() => void refreshTraffic());

/** The latest question wins: a slow answer to an earlier one must not replace it. */
let asked = 0;
/** @type {Date | null} */
let updatedAt = null;
let signedOut = false;
/** @type {Map<string, string>} */
const troubles = new Map();

async function refreshStatus() {
  await attempt('status', async () => {
    showStatus(await getStatus());
    updatedAt = new Date();
    byId('updated').textContent = `Updated ${formatClock(updatedAt)}`;
  });
}

async function refreshTraffic() {
  const question = ++asked;
  await attempt('traffic', async () => {
    const range = picker.read();
    const until = { ...range, to: range.to ?? Date.now() };
    const isShort = range.from !== undefined && until.to - range.from <= SHOWN_BY_HOUR_MS;
    const { periods, periodHours } = await getTraffic(range, isShort ? 'hour' : 'period');
    if (question !== asked) return;
    messages.show(periods, until, periodHours * HOUR_MS);
    pushes.show(periods, until, periodHours * HOUR_MS);
  });
}

/**
 * @param {string} what
 * @param {() => Promise<void>} work
 */
async function attempt(what, work) {
  try {
    await work();
    signedOut = false;
    troubles.delete(what);
  } catch (error) {
    if (!(error instanceof NoAnswer || error instanceof RefusedRequest)) throw error;
    signedOut = error instanceof RefusedRequest && error.status === 401;
    troubles.set(what, inWords(error));
    if (what === 'status') showUnknown();
  }
  const [trouble] = troubles.values();
  const box = byId('trouble');
  box.hidden = trouble === undefined;
  const text =
    trouble === undefined ? '' : `${trouble}${updatedAt ? ` What is shown is from ${formatClock(updatedAt)}.` : ''}`;
  // The same words again would be read out again.
  if (box.textContent !== text) box.textContent = text;
  if (trouble !== undefined && !updatedAt) byId('updated').textContent = '';
}

/** @param {NoAnswer | RefusedRequest} error */
function inWords(error) {
  if (error instanceof NoAnswer) return 'The server cannot be reached.';
  if (error.status === 401) return 'The server does not accept the name and password. Reload the page to sign in.';
  if (error.status === 404) return 'The server has no operator any more: its name and password are not configured.';
  return `The server answers with an error (HTTP ${error.status}).`;
}

const mayRefresh = () => live.checked && !document.hidden && !signedOut;

function refreshAll() {
  return Promise.all([refreshStatus(), refreshTraffic()]);
}

/**
 * Asks again a while after the last answer, so that a slow server is not asked faster than it answers.
 *
 * @param {() => Promise<void>} refresh
 * @param {number} everyMs
 */
function keepFresh(refresh, everyMs) {
  const turn = async () => {
    if (mayRefresh()) await refresh();
    keepFresh(refresh, everyMs);
  };
  setTimeout(() => void turn(), everyMs);
}

byId('refresh').addEventListener('click', () => void refreshAll());
live.addEventListener('change', () => mayRefresh() && void refreshAll());
document.addEventListener('visibilitychange', () => mayRefresh() && void refreshAll());
await refreshAll();
keepFresh(refreshStatus, STATUS_EVERY_MS);
keepFresh(refreshTraffic, TRAFFIC_EVERY_MS);
