import { describe, expect, it } from 'vitest';
import { CLI } from '../config/cli-name.js';
import { type Alert, sentenceOf, severityOf, topicOf } from './alert.js';

const END = Date.UTC(2030, 0, 31, 12);

const CASES: [Alert, string, 'info' | 'warning', string][] = [
  [
    {
      kind: 'provider-unhealthy',
      provider: 'apns',
      cause: 'configuration',
      reason: 'BadTopic',
      advice: 'check APNS_TOPIC',
    },
    'provider apns',
    'warning',
    'apns is unhealthy (configuration, BadTopic); its pushes wait. What to do: check APNS_TOPIC.',
  ],
  [
    { kind: 'provider-unhealthy', provider: 'fcm', cause: 'provider-down', reason: 'Http503', advice: null },
    'provider fcm',
    'warning',
    'fcm is unhealthy (provider-down, Http503); its pushes wait.',
  ],
  [{ kind: 'provider-working', provider: 'fcm' }, 'provider fcm', 'info', 'fcm works again.'],
  [
    { kind: 'servers-fail', provider: 'webpush', failing: 7, of: 9 },
    'servers webpush',
    'warning',
    '7 of the 9 webpush servers that devices chose fail; their pushes wait. What to do: check whether this machine reaches the internet and a name server.',
  ],
  [
    { kind: 'servers-work', provider: 'webpush' },
    'servers webpush',
    'info',
    'Most webpush servers that devices chose work again.',
  ],
  [
    { kind: 'brake-lifted', provider: 'huawei' },
    'brake huawei',
    'info',
    'Dead answers of huawei are rare again: removal goes on.',
  ],
  [
    { kind: 'queue-late', oldestAgeMs: 660_000, count: 12 },
    'queue',
    'warning',
    'The oldest of 12 queued notifications waits for 11 min.',
  ],
  [
    { kind: 'queue-late', oldestAgeMs: 5 * 3_600_000, count: 12 },
    'queue',
    'warning',
    'The oldest of 12 queued notifications waits for 5 h.',
  ],
  [{ kind: 'queue-caught-up' }, 'queue', 'info', 'The queue has caught up.'],
  [
    { kind: 'certificate-expires', provider: 'apns', expiresAt: END, daysLeft: 7 },
    'certificate apns',
    'warning',
    'The certificate for apns expires in 7 days, on 2030-01-31: replace its file.',
  ],
  [
    { kind: 'certificate-expires', provider: 'apns', expiresAt: END, daysLeft: 0 },
    'certificate apns',
    'warning',
    'The certificate for apns expires in less than a day, on 2030-01-31: replace its file.',
  ],
  [
    { kind: 'certificate-expires', provider: 'apns', expiresAt: END, daysLeft: -1 },
    'certificate apns',
    'warning',
    'The certificate for apns expired on 2030-01-31: replace its file.',
  ],
  [
    { kind: 'credential-refused', provider: 'fcm', problem: 'FCM_SERVICE_ACCOUNT_FILE is not JSON' },
    'credential fcm',
    'warning',
    'The new credential of fcm is refused, the old one stays in use: FCM_SERVICE_ACCOUNT_FILE is not JSON.',
  ],
  [
    { kind: 'clock-jumped', byMs: -3_600_000 },
    'clock-jumped',
    'warning',
    'The clock of the machine jumped 60 min back. What to do: check its time synchronization.',
  ],
  [
    { kind: 'set-aside', count: 2 },
    'set-aside',
    'warning',
    `The server died three times while it worked on 2 of its notifications: they are set aside. What to do: report the last lines of the log before each crash, this should not happen. After an update, put them back with: ${CLI} aside release.`,
  ],
  [{ kind: 'redis-unsafe', reason: 'Redis may throw it away.' }, 'redis', 'warning', 'Redis may throw it away.'],
  [
    { kind: 'disk-low', freeMiB: 900, refusesGrowth: false },
    'disk',
    'warning',
    'The disk of the database has 900 MiB left. Make room.',
  ],
  [
    { kind: 'disk-low', freeMiB: 100, refusesGrowth: true },
    'disk',
    'warning',
    'The disk of the database has 100 MiB left: nothing new is registered. Make room.',
  ],
  [{ kind: 'disk-roomy' }, 'disk', 'info', 'The disk of the database has room again.'],
  [{ kind: 'redis-safe' }, 'redis', 'info', 'Redis keeps what is queued again.'],
  [
    { kind: 'passwords-guessed', count: 120 },
    'passwords-guessed',
    'warning',
    "Somebody is guessing the operator's password: 120 wrong ones, most of which were not even checked. Is it long enough?",
  ],
  [{ kind: 'backup-failed', reason: 'ENOSPC' }, 'backup-failed', 'warning', 'The backup failed (ENOSPC).'],
  [
    {
      kind: 'daily-figures',
      from: Date.UTC(2030, 0, 30),
      to: Date.UTC(2030, 0, 31),
      messages: 10,
      iosPushes: 4,
      androidPushes: 5,
      devices: { ios: 1, android: 2 },
    },
    'daily-figures',
    'info',
    '2030-01-30: 10 messages, 4 pushes to iOS, 5 to Android and Huawei. Devices: 1 ios, 2 android.',
  ],
];

describe('an alert', () => {
  it.each(CASES)('%o has a topic, a severity and a sentence', (alert, topic, severity, sentence) => {
    expect({ topic: topicOf(alert), severity: severityOf(alert), sentence: sentenceOf(alert) }).toEqual({
      topic,
      severity,
      sentence,
    });
  });

  it('tells at the brake what the operator can do', () => {
    expect(sentenceOf({ kind: 'brake-engaged', provider: 'apns' })).toContain(`${CLI} suspects list`);
  });
});
