import { DAY_MS } from '../../config/durations.js';
import { describe, expect, it } from 'vitest';
import { type DeliveryResult, type RetryCause } from '../../providers/push-transport.js';
import { describeExpiry, judge } from './provider.check.js';

const NOW = Date.UTC(2026, 0, 1);
const retry = (cause: RetryCause): DeliveryResult => ({ outcome: 'retry', cause, reason: 'InvalidProviderToken' });

describe('judging the answer to a push for a device that cannot exist', () => {
  it.each<[DeliveryResult, string]>([
    [{ outcome: 'token-gone', reason: 'BadDeviceToken' }, 'ok'],
    [{ outcome: 'refused', reason: 'INVALID_ARGUMENT' }, 'ok'],
    [{ outcome: 'delivered', contentLeftOut: false }, 'ok'],
    [retry('credential'), 'failed'],
    [retry('configuration'), 'failed'],
    [retry('wrong-address'), 'failed'],
    [retry('provider-down'), 'failed'],
    [retry('outcome-unknown'), 'failed'],
    [retry('not-processed'), 'failed'],
    [retry('provider-throttled'), 'warning'],
    [retry('device-throttled'), 'warning'],
  ])('%j is %s', (result, status) => {
    expect(judge(result).status).toBe(status);
  });

  it('says what to do when the service refuses us', () => {
    expect(judge(retry('credential')).detail).toContain('APNS_TOKEN_KEY_ID');
  });
});

describe('the end of a credential', () => {
  it.each([
    [30 * DAY_MS, 'ok', '2026-01-31 (in 30 days)'],
    [30 * DAY_MS - 1, 'warning', '(in 29 days)'],
    [1, 'warning', '(in 0 days)'],
  ])('in %d ms is %s', (ms, status, text) => {
    const expiry = describeExpiry(NOW + ms, NOW);
    expect(expiry.status).toBe(status);
    expect(expiry.detail).toContain(text);
  });

  it('is no matter when it does not end', () => {
    expect(describeExpiry(null, NOW).status).toBe('ok');
  });
});
