import { describe, expect, it } from 'vitest';
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
    { kind: 'certificate-ends', provider: 'apns', expiresAt: END, daysLeft: 7 },
    'certificate apns',
    'warning',
    'The certificate for apns ends in 7 days, on 2030-01-31: replace its file.',
  ],
  [
    { kind: 'certificate-ends', provider: 'apns', expiresAt: END, daysLeft: 0 },
    'certificate apns',
    'warning',
    'The certificate for apns ends in less than a day, on 2030-01-31: replace its file.',
  ],
  [
    { kind: 'certificate-ends', provider: 'apns', expiresAt: END, daysLeft: -1 },
    'certificate apns',
    'warning',
    'The certificate for apns ended on 2030-01-31: replace its file.',
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
    expect(sentenceOf({ kind: 'brake-engaged', provider: 'apns' })).toContain('npm run cli -- suspects list');
  });
});
