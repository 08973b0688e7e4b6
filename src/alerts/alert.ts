import { CLI } from '../config/cli-name.js';
import { type OperatorEvent } from '../operator/operator-events.js';

/** What was counted since `from` until `to` (UTC epoch milliseconds), and the devices there are. */
export interface DailyFigures {
  kind: 'daily-figures';
  from: number;
  to: number;
  messages: number;
  iosPushes: number;
  androidPushes: number;
  devices: Readonly<Record<string, number>>;
}

export type Alert = OperatorEvent | DailyFigures;

/** Of alerts with one topic only the newest says how things are. */
export function topicOf(alert: Alert): string {
  switch (alert.kind) {
    case 'provider-unhealthy':
    case 'provider-working':
      return `provider ${alert.provider}`;
    case 'servers-fail':
    case 'servers-work':
      return `servers ${alert.provider}`;
    case 'brake-engaged':
    case 'brake-lifted':
      return `brake ${alert.provider}`;
    case 'queue-late':
    case 'queue-caught-up':
      return 'queue';
    case 'redis-unsafe':
    case 'redis-safe':
      return 'redis';
    case 'disk-low':
    case 'disk-roomy':
      return 'disk';
    case 'coverage-low':
    case 'coverage-restored':
      return 'coverage';
    case 'node-list-old':
    case 'node-list-fresh':
      return 'node list';
    case 'node-sources-fail':
    case 'node-sources-answer':
      return 'node list sources';
    case 'node-set-aside':
      return `node ${alert.node}`;
    case 'swarm-key-shared':
    case 'swarm-key-own':
      return 'swarm key';
    case 'certificate-expires':
      return `certificate ${alert.provider}`;
    case 'credential-refused':
      return `credential ${alert.provider}`;
    case 'clock-jumped':
    case 'set-aside':
    case 'backup-failed':
    case 'passwords-guessed':
    case 'daily-figures':
      return alert.kind;
  }
}

export type Severity = 'info' | 'warning';

export function severityOf({ kind }: Alert): Severity {
  switch (kind) {
    case 'provider-unhealthy':
    case 'servers-fail':
    case 'brake-engaged':
    case 'queue-late':
    case 'certificate-expires':
    case 'clock-jumped':
    case 'set-aside':
    case 'credential-refused':
    case 'backup-failed':
    case 'passwords-guessed':
    case 'redis-unsafe':
    case 'disk-low':
    case 'coverage-low':
    case 'node-list-old':
    case 'node-sources-fail':
    case 'node-set-aside':
    case 'swarm-key-shared':
      return 'warning';
    case 'provider-working':
    case 'servers-work':
    case 'brake-lifted':
    case 'queue-caught-up':
    case 'redis-safe':
    case 'disk-roomy':
    case 'coverage-restored':
    case 'node-list-fresh':
    case 'node-sources-answer':
    case 'swarm-key-own':
    case 'daily-figures':
      return 'info';
  }
}

/** One or two sentences for a person. */
export function sentenceOf(alert: Alert): string {
  switch (alert.kind) {
    case 'provider-unhealthy': {
      const advice = alert.advice === null ? '' : ` What to do: ${alert.advice}.`;
      return `${alert.provider} is unhealthy (${alert.cause}, ${alert.reason}); its pushes wait.${advice}`;
    }
    case 'provider-working':
      return `${alert.provider} works again.`;
    case 'servers-fail':
      return (
        `${alert.failing} of the ${alert.of} ${alert.provider} servers that devices chose fail; their pushes wait. ` +
        'What to do: check whether this machine reaches the internet and a name server.'
      );
    case 'servers-work':
      return `Most ${alert.provider} servers that devices chose work again.`;
    case 'brake-engaged':
      return (
        `${alert.provider} calls too many tokens dead: removal pauses and they are kept as suspects. ` +
        `What to do: check the settings of this provider, then decide with: ${CLI} suspects list.`
      );
    case 'brake-lifted':
      return `Dead answers of ${alert.provider} are rare again: removal goes on.`;
    case 'queue-late':
      return `The oldest of ${alert.count} queued notifications waits for ${duration(alert.oldestAgeMs)}.`;
    case 'queue-caught-up':
      return 'The queue has caught up.';
    case 'certificate-expires':
      return alert.daysLeft < 0
        ? `The certificate for ${alert.provider} expired on ${day(alert.expiresAt)}: replace its file.`
        : `The certificate for ${alert.provider} expires in ${days(alert.daysLeft)}, on ${day(alert.expiresAt)}: replace its file.`;
    case 'clock-jumped':
      return (
        `The clock of the machine jumped ${duration(Math.abs(alert.byMs))} ${alert.byMs > 0 ? 'ahead' : 'back'}. ` +
        'What to do: check its time synchronization.'
      );
    case 'set-aside':
      return (
        `The server died three times while it worked on ${alert.count} of its notifications: they are set aside. ` +
        'What to do: report the last lines of the log before each crash, this should not happen. After an update, ' +
        `put them back with: ${CLI} aside release.`
      );
    case 'credential-refused':
      return `The new credential of ${alert.provider} is refused, the old one stays in use: ${alert.problem}.`;
    case 'backup-failed':
      return `The backup failed (${alert.reason}).`;
    case 'disk-low':
      return alert.refusesGrowth
        ? `The disk of the database has ${alert.freeMiB} MiB left: nothing new is registered. Make room.`
        : `The disk of the database has ${alert.freeMiB} MiB left. Make room.`;
    case 'disk-roomy':
      return 'The disk of the database has room again.';
    case 'redis-unsafe':
      return alert.reason;
    case 'redis-safe':
      return 'Redis keeps what is queued again.';
    case 'coverage-low':
      return (
        `Only ${alert.percent} % of the subscribed accounts are watched: the others get no pushes. ` +
        'What to do: see the nodes on the statistics page; is outgoing TCP to any port allowed?'
      );
    case 'coverage-restored':
      return `${alert.percent} % of the subscribed accounts are watched again.`;
    case 'node-list-old':
      return (
        `The list of storage nodes is ${duration(alert.ageMs)} old: accounts that move to another swarm are not watched there. ` +
        `What to do: check NODE_LIST with: ${CLI} check.`
      );
    case 'node-list-fresh':
      return 'The list of storage nodes is up to date again.';
    case 'node-sources-fail':
      return (
        `No source gives the list of storage nodes (${failures(alert.failures)}). ` +
        `What to do: check NODE_LIST with: ${CLI} check.`
      );
    case 'node-sources-answer':
      return 'The sources of the list of storage nodes answer again.';
    case 'node-set-aside':
      return `The storage node ${alert.node} misbehaves (${alert.reason} reports) and is left alone for ${alert.minutes} min.`;
    case 'swarm-key-shared':
      return (
        'Two instances use the same SWARM_KEY_FILE; this one does not watch the network. ' +
        'What to do: give it a file of its own and start it again.'
      );
    case 'swarm-key-own':
      return 'Nobody else uses the SWARM_KEY_FILE of this instance any more: it watches the network.';
    case 'passwords-guessed':
      return `Somebody is guessing the operator's password: ${alert.count} wrong ones, most of which were not even checked. Is it long enough?`;
    case 'daily-figures':
      return (
        `${day(alert.from)}: ${alert.messages} messages, ${alert.iosPushes} pushes to iOS, ` +
        `${alert.androidPushes} to Android and Huawei. Devices: ${counts(alert.devices)}.`
      );
  }
}

const day = (epochMs: number): string => new Date(epochMs).toISOString().slice(0, 10);
const days = (count: number): string => (count === 0 ? 'less than a day' : count === 1 ? '1 day' : `${count} days`);

function duration(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

const failures = (bySource: Readonly<Record<string, string>>): string =>
  Object.entries(bySource)
    .map(([source, failure]) => `${source}: ${failure}`)
    .join(', ');

const counts = (byType: Readonly<Record<string, number>>): string =>
  Object.entries(byType)
    .map(([type, count]) => `${count} ${type}`)
    .join(', ');
