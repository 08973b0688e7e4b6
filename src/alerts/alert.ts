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
    case 'brake-engaged':
    case 'brake-lifted':
      return `brake ${alert.provider}`;
    case 'queue-late':
    case 'queue-caught-up':
      return 'queue';
    case 'certificate-ends':
      return `certificate ${alert.provider}`;
    case 'backup-failed':
    case 'daily-figures':
      return alert.kind;
  }
}

export type Severity = 'info' | 'warning';

export function severityOf({ kind }: Alert): Severity {
  switch (kind) {
    case 'provider-unhealthy':
    case 'brake-engaged':
    case 'queue-late':
    case 'certificate-ends':
    case 'backup-failed':
      return 'warning';
    case 'provider-working':
    case 'brake-lifted':
    case 'queue-caught-up':
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
    case 'brake-engaged':
      return (
        `${alert.provider} calls too many tokens dead: removal pauses and they are kept as suspects. ` +
        'What to do: check the settings of this provider, then decide with: npm run cli -- suspects list.'
      );
    case 'brake-lifted':
      return `Dead answers of ${alert.provider} are rare again: removal goes on.`;
    case 'queue-late':
      return `The oldest of ${alert.count} queued notifications waits for ${duration(alert.oldestAgeMs)}.`;
    case 'queue-caught-up':
      return 'The queue has caught up.';
    case 'certificate-ends':
      return alert.daysLeft < 0
        ? `The certificate for ${alert.provider} ended on ${day(alert.expiresAt)}: replace its file.`
        : `The certificate for ${alert.provider} ends in ${days(alert.daysLeft)}, on ${day(alert.expiresAt)}: replace its file.`;
    case 'backup-failed':
      return `The backup failed (${alert.reason}).`;
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

const counts = (byType: Readonly<Record<string, number>>): string =>
  Object.entries(byType)
    .map(([type, count]) => `${count} ${type}`)
    .join(', ');
