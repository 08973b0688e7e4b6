import { byId, element, table } from './dom.js';
import { showNetwork } from './network-view.js';
import { formatAge, formatCount, formatMoment } from './format.js';

/** @typedef {import('../dto/server-status.dto.js').ServerStatus} ServerStatus */
/** @typedef {ServerStatus['health']} Health */

/** @type {Record<string, string>} */
const PROVIDER_NAMES = {
  apns: 'Apple (APNs)',
  fcm: 'Google (FCM)',
  huawei: 'Huawei (HMS)',
  webpush: 'Web Push (UnifiedPush)',
};
/** @type {Record<string, string>} */
const LANE_NAMES = { intake: 'Devices not looked up yet', ...PROVIDER_NAMES };
const OUTCOMES = [
  'Provider',
  'Delivered',
  'Without content',
  'Device gone',
  'Refused',
  'Expired',
  'Collapsed',
  'Not configured',
  'Retries',
  'Half within',
  '95 % within',
];
const STATE_WORDS = { ok: 'Working', degraded: 'Degraded', error: 'Not working' };
/** @type {Record<string, string>} */
const PLATFORM_NAMES = { ios: 'iOS', android: 'Android', huawei: 'Huawei', unknown: 'Unknown' };

/** Why pushes wait, for people; the server adds the provider's own word. @type {Record<string, string>} */
const CAUSE_WORDS = {
  'outcome-unknown': 'Does not answer',
  'provider-throttled': 'Asks to slow down',
  'provider-down': 'Cannot be reached, or is out of order',
  credential: 'Refuses the credential',
  configuration: 'Refuses the settings of this server',
  'wrong-address': 'Says that the devices belong to another app',
};

/** What is wrong with a server that a device chose, by the reason that the log has. @type {readonly [RegExp, string][]} */
const SERVER_WORDS = [
  [/^(Connect|Name|Proxy)/, 'cannot be reached'],
  [/^Tls/, 'cannot be trusted, or speaks no TLS'],
  [/^Timeout/, 'does not answer'],
  [/^Http429$/, 'asks to slow down'],
  [/^Http4/, 'refuses pushes'],
  [/^Http5/, 'is out of order'],
];

/** @param {ServerStatus} status */
export function showStatus(status) {
  document.title = `Push server on ${status.host}`;
  byId('host').textContent = status.host;
  byId('version').textContent =
    `version ${status.version}, up ${formatAge(secondsBetween(status.startedAt, status.time))}`;
  showOverall(status.health);
  showQueue(status.health.queue);
  showProviders(status);
  showOutcomes(status.pushes);
  showNetworkSection(status);
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
  /** @type {[string, { problem?: string | undefined }][]} */
  const parts = [
    ['Database', health.database],
    ['Queue', health.queue],
    ['Delivery', health.worker],
    ['Storage network', health.network ?? {}],
  ];
  const problems = parts.flatMap(([name, { problem }]) => (problem === undefined ? [] : [`${name}: ${problem}`]));
  const troubled = Object.entries(health.providers).filter(([, { status }]) => status !== 'ok');
  problems.push(...troubled.map(([provider]) => `${PROVIDER_NAMES[provider] ?? provider}, see below`));
  byId('overall-problems').textContent = problems.join('; ');
}

/** @param {ServerStatus} status */
function showNetworkSection({ network, health }) {
  byId('network-section').hidden = health.network === null;
  if (health.network === null) return;
  byId('network-state').replaceChildren(stateOf(health.network.status, STATE_WORDS[health.network.status]));
  if (network) showNetwork(byId('network'), network);
  else byId('network').replaceChildren(note('No process of this instance watches now.'));
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
      ? table('Waiting items and their age', ['Waits for', 'Items', 'Oldest'], rows)
      : note(isKnown ? 'Nothing waits.' : `Not known: ${queue.problem ?? 'the queue does not answer'}`),
  );
}

/** @param {ServerStatus} status */
function showProviders({ instance, health }) {
  const place = byId('providers');
  if (instance.role === 'api' || instance.role === 'monitor') {
    place.replaceChildren(
      element('li', { class: 'card' }, note('This instance does not deliver. One that does knows how providers are.')),
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
    report.problem && inWords(report.problem),
    report.unhealthySince && `Pushes have been waiting since ${formatMoment(Date.parse(report.unhealthySince))}.`,
    report.removalPaused && 'No token is removed for now.',
    report.servers && serversLine(report.servers),
    ...(report.servers?.largestFailing ?? []).map(
      ({ host, devices, reason }) =>
        `${host} ${serverTrouble(reason)} (${reason}); at least ${formatCount(devices)} devices wait for it.`,
    ),
    report.certificateEndsAt && expiryOf(Date.parse(report.certificateEndsAt)),
  ];
  return card(provider, stateOf(report.status, STATE_WORDS[report.status]), lines);
}

/** @param {number} time when the certificate expires, UTC epoch milliseconds */
const expiryOf = (time) => `The certificate ${time < Date.now() ? 'expired' : 'expires'} on ${formatMoment(time)}.`;

/** @param {string} problem `cause: reason`, or words already */
function inWords(problem) {
  const [cause = '', ...rest] = problem.split(': ');
  const words = CAUSE_WORDS[cause];
  return words ? `${words} (${rest.join(': ')}).` : problem;
}

/** @param {string} reason of a server that a device chose */
const serverTrouble = (reason) => SERVER_WORDS.find(([pattern]) => pattern.test(reason))?.[1] ?? 'fails';

/** @param {ServerStatus['pushes']} pushes */
function showOutcomes(pushes) {
  const rows = pushes.map((of) => [
    of.provider === 'all' ? 'Before any' : (PROVIDER_NAMES[of.provider] ?? of.provider),
    ...[
      of.delivered,
      of.withoutContent,
      of.deviceGone,
      of.refused,
      of.expired,
      of.collapsed,
      of.unconfigured,
      of.retries,
    ].map(formatCount),
    ...[of.halfWithinSeconds, of.mostWithinSeconds].map((within) => (within === null ? '–' : `${within} s`)),
  ]);
  byId('outcomes').replaceChildren(
    rows.length > 0 ? table('Outcomes of pushes, by provider', OUTCOMES, rows) : note('No push yet.'),
  );
}

/** @param {NonNullable<Health['providers'][string]['servers']>} servers */
function serversLine({ known, failing }) {
  if (known === 0) return 'No push went to a server that a device chose lately.';
  return `${formatCount(known)} servers that devices chose; ${formatCount(failing)} of them fail, and only their devices wait.`;
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
