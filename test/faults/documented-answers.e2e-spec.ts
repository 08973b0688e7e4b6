import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DEFAULT_DELIVERY_TUNING } from '../../src/delivery/delivery-tuning.js';
import { APNS_ERRORS } from '../../src/providers/apns/apns.protocol.js';
import { FCM_ERRORS, FCM_FRONT_END_ERRORS } from '../../src/providers/fcm/fcm.protocol.js';
import { HUAWEI_CODES } from '../../src/providers/huawei/huawei.protocol.js';
import { type RetryCause } from '../../src/providers/push-transport.js';

const DOCUMENT = readFileSync(new URL('../../docs/delivery.md', import.meta.url), 'utf8');

type Meaning = { kind: string; cause?: RetryCause };

const OF_CAUSE: Record<RetryCause, string> = {
  'not-processed': 'never processed',
  'outcome-unknown': 'unknown',
  'device-throttled': 'throttled device',
  'provider-throttled': 'throttled provider',
  'provider-down': 'provider down',
  credential: 'credential',
  configuration: 'configuration',
  'wrong-address': 'wrong address',
  'host-down': 'server down',
};
const OF_KIND: Record<string, string> = {
  accepted: 'delivered',
  'token-gone': 'dead',
  'bad-token': 'dead or ours',
  'some-illegal': 'dead or ours',
  'all-invalid': 'dead or ours',
  refused: 'our mistake',
  'too-large': 'too large',
  'bad-argument': 'too large',
  'jwt-expired': 'token refused',
  'token-refused': 'token refused',
  throttled: 'throttled provider',
  split: 'in smaller requests',
  'priority-refused': 'configuration',
};
const wordFor = ({ kind, cause }: Meaning): string => (cause ? OF_CAUSE[cause] : (OF_KIND[kind] ?? kind));

/** The rows of the tables below a heading, cell by cell without their back-ticks. */
function rows(from: string, to: string): string[][] {
  return DOCUMENT.slice(DOCUMENT.indexOf(from), DOCUMENT.indexOf(to))
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
}

/** Status and reason to action. */
const byStatus = (table: string[][]) =>
  table
    .filter(([status, reason]) => /^\d{3}$/.test(status ?? '') && reason !== '')
    .map(([status, reason, action]) => [`${status} ${reason}`, action]);
const inCode = (table: Readonly<Record<string, Meaning>>) =>
  Object.entries(table).map(([answer, meaning]) => [answer, wordFor(meaning)]);

describe('docs/delivery.md', () => {
  it.each([
    ['APNs', byStatus(rows('### APNs', '### FCM')), APNS_ERRORS],
    ['FCM', byStatus(rows('### FCM', "Without FCM's detail")), FCM_ERRORS],
    ['Google’s front end', byStatus(rows("Without FCM's detail", '### HMS')), FCM_FRONT_END_ERRORS],
  ])('has each answer of %s with what the code does', (_provider, documented, table) => {
    expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(inCode(table)));
  });

  it('has each code of HMS with what the code does', () => {
    const documented = rows('### HMS', '### OAuth').filter(([code]) => /^\d{8}$/.test(code ?? ''));
    expect(documented.map(([code, action]) => [code, action])).toEqual(inCode(HUAWEI_CODES));
  });

  it('explains each action of the tables', () => {
    const explained = new Set(rows('## Answers and actions', '### APNs').map(([action]) => action));
    const used = [APNS_ERRORS, FCM_ERRORS, FCM_FRONT_END_ERRORS, HUAWEI_CODES].flatMap((table) => inCode(table));
    const missing = used.map(([, word]) => word).filter((word) => !explained.has(word));
    expect(new Set(missing)).toEqual(new Set(['in smaller requests']));
  });

  it('gives the figures that are in force', () => {
    const tuning = DEFAULT_DELIVERY_TUNING;
    const seconds = (ms: number) => ms / 1000;
    const minutes = (ms: number) => ms / 60_000;
    const text = DOCUMENT.replaceAll(/\s+/g, ' ');
    for (const sentence of [
      `up to ${tuning.intakeBatch} notifications in one query`,
      `waiting line in memory (${tuning.maxProviderBacklog.toLocaleString('en')} requests)`,
      `doubles from ${seconds(tuning.retryBaseMs)} s up to a minute`,
      `doubles up to ${minutes(tuning.retryMaxMs)} minutes`,
      `after ${seconds(tuning.breakerBaseMs)} s, then 10, 20, 40, ${seconds(tuning.breakerMaxMs)} s`,
      `${tuning.maxPerRecipientAndMinute.toLocaleString('en')} notifications or ${tuning.maxPushesPerRecipientAndMinute.toLocaleString('en')} pushes a minute`,
      `after ${seconds(tuning.removalHoldMs)} seconds without contrary evidence`,
      `at least ${tuning.brakeFloor} recipients with a device that was accepted before, and more than ${tuning.brakeShare * 100} % of those answered, are called dead within ${minutes(tuning.brakeWindowMs)} minutes`,
    ]) {
      expect(text).toContain(sentence);
    }
    expect([tuning.breakerThreshold, tuning.keepStalePerDevice, minutes(tuning.staleAfterMs)]).toEqual([5, 3, 3]);
  });
});
