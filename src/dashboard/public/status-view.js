import { byId, element, table } from './dom.js';
import { formatAge, formatCount, formatMoment } from './format.js';

/** @typedef {import('../dto/server-status.dto.js').ServerStatus} ServerStatus */
/** @typedef {ServerStatus['health']} Health */

/** @type {Record<string, string>} */
const PROVIDER_NAMES = { apns: 'Apple (APNs)', fcm: 'Google (FCM)', huawei: 'Huawei (HMS)' };
/** @type {Record<string, string>} */
const LANE_NAMES = { intake: 'Devices not looked up yet', ...PROVIDER_NAMES };
const STATE_WORDS = { ok: 'Working', degraded: 'Needs a look', error: 'Not working' };
/** @type {Record<string, string>} */
const PLATFORM_NAMES = { ios: 'iOS', android: 'Android', huawei: 'Huawei', unknown: 'Unknown' };

/** @param {ServerStatus} status */
export function showStatus(status) {
  byId('version').textContent =
    `version ${status.version}, up ${formatAge(secondsBetween(status.startedAt, status.time))}`;
  showOverall(status.health);
  showQueue(status.health.queue);
  showProviders(status);
  showDevices(status.devices);
}

/** For when nobody answers: what the rest of the page shows is old. */
export function showUnknown() {
  byId('overall').replaceChildren(stateOf('error', 'Not known'));
  byId('overall-problems').textContent = '';
}

/** @param {Health} health */
function showOverall(health) {
  byId('overall').replaceChildren(stateOf(health.status, STATE_WORDS[health.status]));
  const parts = /** @type {const} */ ([
    ['Database', health.database],
    ['Queue', health.queue],
    ['Delivery', health.worker],
  ]);
  const problems = parts.flatMap(([name, { problem }]) => (problem === undefined ? [] : [`${name}: ${problem}`]));
  const troubled = Object.entries(health.providers).filter(([, { status }]) => status !== 'ok');
  problems.push(...troubled.map(([provider]) => `${PROVIDER_NAMES[provider] ?? provider}, see below`));
  byId('overall-problems').textContent = problems.join('; ');
}

/** @param {Health['queue']} queue */
function showQueue(queue) {
  const items = queue.lanes.reduce((sum, lane) => sum + lane.items, 0);
  const oldest = Math.max(0, ...queue.lanes.map(({ oldestAgeSeconds }) => oldestAgeSeconds));
  const isKnown = queue.lanes.length > 0 || queue.status === 'ok';
  byId('queue-items').textContent = isKnown ? formatCount(items) : '–';
  byId('queue-age').textContent = items > 0 ? `oldest ${formatAge(oldest)}` : '';
  const rows = queue.lanes.map((lane) => [
    LANE_NAMES[lane.lane] ?? lane.lane,
    formatCount(lane.items),
    formatAge(lane.oldestAgeSeconds),
  ]);
  byId('queue').replaceChildren(
    rows.length > 0
      ? table('What waits, and for how long', ['Waits for', 'Items', 'Oldest'], rows)
      : note(isKnown ? 'Nothing waits.' : `Not known: ${queue.problem ?? 'the queue does not answer'}`),
  );
}

/** @param {ServerStatus} status */
function showProviders({ instance, health }) {
  const place = byId('providers');
  if (instance.role === 'api') {
    place.replaceChildren(
      element(
        'li',
        { class: 'card' },
        note('This instance only accepts requests. The one that delivers knows how providers are.'),
      ),
    );
    return;
  }
  const configured = Object.entries(health.providers).map(([provider, report]) => providerCard(provider, report));
  const missing = health.unconfigured.map((provider) =>
    card(provider, stateOf('off', 'Not configured'), ['Pushes for its devices are counted and dropped.']),
  );
  place.replaceChildren(...configured, ...missing);
}

/**
 * @param {string} provider
 * @param {Health['providers'][string]} report
 */
function providerCard(provider, report) {
  const lines = [
    report.problem,
    report.unhealthySince && `Pushes wait since ${formatMoment(Date.parse(report.unhealthySince))}.`,
    report.removalPaused && 'No token is removed for now.',
    report.certificateEndsAt && `The certificate ends ${formatMoment(Date.parse(report.certificateEndsAt))}.`,
  ];
  return card(provider, stateOf(report.status, STATE_WORDS[report.status]), lines);
}

/**
 * @param {string} provider
 * @param {HTMLElement} state
 * @param {readonly (string | false | null | undefined)[]} lines
 */
function card(provider, state, lines) {
  const words = lines.flatMap((line) => (line ? [note(line)] : []));
  return element(
    'li',
    { class: 'card provider' },
    element('h3', {}, PROVIDER_NAMES[provider] ?? provider),
    element('p', {}, state),
    ...words,
  );
}

/** @param {ServerStatus['devices']} devices */
function showDevices(devices) {
  const place = byId('devices');
  if (!devices) {
    byId('device-count').textContent = byId('id-count').textContent = '–';
    place.replaceChildren(note('The database could not count them.'));
    return;
  }
  const platforms = Object.entries(devices.byPlatform);
  const total = platforms.reduce((sum, [, count]) => sum + count, 0);
  byId('device-count').textContent = formatCount(total);
  byId('device-note').textContent = `counted ${formatMoment(Date.parse(devices.countedAt))}`;
  byId('id-count').textContent = formatCount(devices.sessionIds);
  // Nearly nobody has devices of no known kind.
  const shown = platforms.filter(([platform, count]) => platform !== 'unknown' || count > 0);
  const shares = shown.map(([platform, count]) => share(PLATFORM_NAMES[platform] ?? platform, count, total));
  place.replaceChildren(
    total > 0 ? element('ul', { class: 'shares' }, ...shares) : note('No device is registered yet.'),
  );
}

/**
 * @param {string} name
 * @param {number} count
 * @param {number} total
 */
function share(name, count, total) {
  const percent = (count / total) * 100;
  const bar = element('div', { class: 'share-bar' });
  bar.style.width = `${percent}%`;
  return element(
    'li',
    { class: 'share' },
    element('span', {}, name),
    element('span', {}, `${formatCount(count)} (${Math.round(percent)} %)`),
    element('div', { class: 'share-track', 'aria-hidden': 'true' }, bar),
  );
}

/**
 * @param {'ok' | 'degraded' | 'error' | 'off'} state
 * @param {string} words
 */
const stateOf = (state, words) => element('span', { class: `state ${state}` }, words);

/** @param {string} words */
const note = (words) => element('p', { class: 'note' }, words);

/**
 * @param {string} earlier
 * @param {string} later
 */
const secondsBetween = (earlier, later) => Math.max(0, (Date.parse(later) - Date.parse(earlier)) / 1000);
