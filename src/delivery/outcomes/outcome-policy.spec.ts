import { Logger } from '@nestjs/common';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { DatabaseWriter } from '../../database/database-writer.js';
import { Device } from '../../devices/device.entity.js';
import { DevicesService } from '../../devices/devices.service.js';
import { StatisticsService } from '../../statistics/statistics.service.js';
import { type DeliveryParts, useDeliveryParts } from '../../../test/support/delivery-parts.js';
import { type RecordingLogger } from '../../../test/support/recording-logger.js';
import { storedId, storedToken } from '../../../test/support/stored.js';
import { PUSH_PROVIDERS } from '../../providers/provider-definitions.js';
import { type Provider, PROVIDERS, type RetryCause } from '../../providers/push-transport.js';
import { DEFAULT_DELIVERY_TUNING } from '../delivery-tuning.js';
import { OutcomeCounter } from './outcome-counter.js';
import { OutcomePolicy } from './outcome-policy.js';
import { TokenRemoval } from './token-removal.js';
import { TokenStanding } from './token-standing.js';

const AT = 1_800_000_000_000;
const target = { token: storedToken('secret-token'), registeredAt: 1000, apnsEnvironment: null, acceptedAt: AT };

describe('OutcomePolicy', () => {
  const open = useDeliveryParts();
  let parts: DeliveryParts;
  let logger: RecordingLogger;
  let devices: DevicesService;
  let statistics: StatisticsService;
  let removal: TokenRemoval;
  let outcomes: OutcomeCounter;
  let policy: OutcomePolicy;

  afterAll(() => Logger.overrideLogger(true));
  beforeEach(async () => {
    parts = await open();
    logger = parts.logger;
    devices = parts.get(DevicesService);
    statistics = parts.get(StatisticsService);
    removal = parts.get(TokenRemoval);
    outcomes = parts.get(OutcomeCounter);
    policy = parts.get(OutcomePolicy);
  });

  const attempt = (number = 1, random = 1) => ({
    recipient: '05a',
    acceptedAt: AT - 50,
    number,
    at: AT,
    random,
    settingsDoubted: false,
  });
  const counted = async () => {
    await statistics.flush(0, 1);
    return (await statistics.find())[0];
  };
  const pause = (provider: Provider, cause: RetryCause, number = 1, retryAfterMs?: number): number => {
    const asked = retryAfterMs === undefined ? {} : { retryAfterMs };
    const next = policy.apply(provider, target, { outcome: 'retry', cause, reason: 'R', ...asked }, attempt(number));
    return next.step === 'retry' ? next.at - AT : NaN;
  };

  it('counts what is delivered by platform, and is done with it', async () => {
    for (const provider of PROVIDERS) {
      const result = { outcome: 'delivered', contentLeftOut: false } as const;
      expect(policy.apply(provider, target, result, attempt())).toEqual({ step: 'done' });
    }
    expect(await counted()).toMatchObject({ iosPushes: 1, androidPushes: PROVIDERS.length - 1, huaweiPushes: 1 });
  });

  it('keeps in mind which APNs environment took the token', async () => {
    const token = storedToken('ab');
    await parts
      .get(DatabaseWriter)
      .write((manager) => devices.save(manager, { token, sessionId: storedId('05a'), deviceType: 'ios' }, false));
    const find = () => parts.rows(Device).findOneByOrFail({ token });
    const { registeredAt } = await find();
    const result = { outcome: 'delivered', contentLeftOut: false, apnsEnvironment: 'sandbox' } as const;
    policy.apply('apns', { token, registeredAt, apnsEnvironment: null }, result, attempt());
    await vi.waitFor(async () => expect(await find()).toMatchObject({ apnsEnvironment: 'sandbox' }), {
      timeout: 10_000,
    });
  });

  it('goes on when that cannot be stored, and logs no token', async () => {
    await parts.sql('ALTER TABLE devices RENAME TO away');
    const result = { outcome: 'delivered', contentLeftOut: false, apnsEnvironment: 'sandbox' } as const;
    expect(policy.apply('apns', target, result, attempt())).toEqual({ step: 'done' });
    await vi.waitFor(() => expect(logger.find('environment of a token was not stored')).toHaveLength(1), {
      timeout: 10_000,
    });
    await parts.sql('ALTER TABLE away RENAME TO devices');
    expect(logger.find('secret-token')).toEqual([]);
  });

  it('counts what is refused under its reason, and is done with it', () => {
    const next = policy.apply('fcm', target, { outcome: 'refused', reason: 'BadTopic' }, attempt());
    expect(next).toEqual({ step: 'done' });
    outcomes.report();
    expect(logger.find("kind: 'refused', provider: 'fcm', reason: 'BadTopic', count: 1")).toHaveLength(1);
  });

  it('keeps a push whose token is called dead until that is settled', () => {
    const next = policy.apply('apns', target, { outcome: 'token-gone', reason: 'BadDeviceToken' }, attempt(1, 0));
    const settled = AT + DEFAULT_DELIVERY_TUNING.removalHoldMs + 1000;
    expect(next).toMatchObject({ step: 'retry', reason: 'BadDeviceToken' });
    expect(next.step === 'retry' && next.at > settled).toBe(true);
  });

  it.each([
    [999, false],
    [1000, true],
    [undefined, true],
  ])('believes that a token is gone since %s: %s, when it was registered at 1000', async (goneSince, believed) => {
    await parts
      .get(DatabaseWriter)
      .write((manager) =>
        manager.insert(Device, { ...target, sessionId: '05a', deviceType: 'ios', legacyGroupsOnly: false }),
      );
    const since = goneSince === undefined ? {} : { goneSince };
    policy.apply('apns', target, { outcome: 'token-gone', reason: 'Unregistered', ...since }, attempt());
    await removal.decide(performance.now() + DEFAULT_DELIVERY_TUNING.removalHoldMs);
    expect(await parts.rows(Device).count()).toBe(believed ? 0 : 1);
    expect(policy.isGone(target)).toBe(believed);
  });

  it('tries a push again that is refused as if the token had ended before its registration, while that is fresh', () => {
    const old = { outcome: 'token-gone', reason: 'Unregistered', goneSince: AT - 60 * 60_000 } as const;
    const registered = (agoMs: number) => ({ ...target, registeredAt: AT - agoMs });
    expect(policy.apply('apns', registered(60_000), old, attempt())).toMatchObject({ step: 'retry' });
    expect(policy.apply('apns', registered(11 * 60_000), old, attempt())).toEqual({ step: 'done' });
  });

  it('waits longer with each attempt, as the provider asks for and at most so long', () => {
    expect([1, 2, 3].map((number) => pause('apns', 'provider-down', number))).toEqual([2000, 4000, 8000]);
    expect(pause('apns', 'provider-down', 50)).toBe(60_000);
    expect([1, 2].map((number) => pause('fcm', 'provider-down', number))).toEqual([10_000, 20_000]);
    expect(pause('fcm', 'provider-down', 50)).toBe(60_000);
  });

  it('leaves a device that is throttled or not known alone for longer', () => {
    expect(pause('apns', 'device-throttled')).toBe(30_000);
    // Those that may know a token a moment later. A Web Push server knows no other address than the one that it gave out.
    const known = PROVIDERS.filter((provider) => 'wrong-address' in PUSH_PROVIDERS[provider].firstPauseMs);
    expect(known).toEqual(expect.arrayContaining(['apns', 'fcm', 'huawei']));
    for (const provider of known) expect(pause(provider, 'wrong-address')).toBe(60_000);
    expect(pause('huawei', 'device-throttled', 50)).toBe(600_000);
    expect(pause('apns', 'wrong-address', 50)).toBe(600_000);
  });

  it('puts nothing off for longer than a minute because of an address while the settings are in doubt', () => {
    const result = { outcome: 'retry', cause: 'wrong-address', reason: 'R' } as const;
    const next = policy.apply('apns', target, result, { ...attempt(50), settingsDoubted: true });
    expect(next).toMatchObject({ step: 'retry', at: AT + 60_000 });
    const throttled = { outcome: 'retry', cause: 'device-throttled', reason: 'R' } as const;
    const later = policy.apply('apns', target, throttled, { ...attempt(50), settingsDoubted: true });
    expect(later).toMatchObject({ step: 'retry', at: AT + 600_000 });
  });

  it('honours Retry-After when it is longer', () => {
    expect(pause('apns', 'provider-throttled', 1, 90_000)).toBe(90_000);
    expect(pause('apns', 'provider-throttled', 1, 10)).toBe(2000);
  });

  it('notes once that a token was accepted, and again after some days', async () => {
    await parts
      .get(DatabaseWriter)
      .write((manager) =>
        devices.save(manager, { token: storedToken('ab'), sessionId: storedId('05a'), deviceType: 'ios' }, false),
      );
    const find = () => parts.rows(Device).findOneByOrFail({ token: storedToken('ab') });
    const { registeredAt, acceptedAt } = await find();
    expect(acceptedAt).toBeNull();
    const result = { outcome: 'delivered', contentLeftOut: false } as const;
    const deliver = (known: number | null) =>
      policy.apply(
        'apns',
        { token: storedToken('ab'), registeredAt, apnsEnvironment: null, acceptedAt: known },
        result,
        attempt(),
      );
    deliver(null);
    await vi.waitFor(async () => expect((await find()).acceptedAt).not.toBeNull(), { timeout: 10_000 });
    const written = vi.spyOn(devices, 'rememberAccepted');
    deliver(null);
    deliver(Date.now());
    await parts.get(TokenStanding).onApplicationShutdown();
    expect(written).not.toHaveBeenCalled();
  });

  describe('of a token that its provider never accepted', () => {
    const madeUp = { token: storedToken('made up'), registeredAt: AT, apnsEnvironment: null };

    it.each([
      { outcome: 'retry', cause: 'wrong-address', reason: 'SENDER_ID_MISMATCH' },
      { outcome: 'token-gone', reason: 'BadDeviceToken' },
    ] as const)('gives a push up after an hour: %o', (result) => {
      const after = (minutes: number) => ({ ...attempt(9), acceptedAt: AT - minutes * 60_000 });
      expect(policy.apply('fcm', madeUp, result, after(59))).toMatchObject({ step: 'retry' });
      expect(policy.apply('fcm', madeUp, result, after(60))).toEqual({ step: 'done' });
      expect(policy.apply('fcm', target, result, after(60))).toMatchObject({ step: 'retry' });
    });

    it('keeps it while the settings are in doubt', () => {
      const result = { outcome: 'retry', cause: 'wrong-address', reason: 'SENDER_ID_MISMATCH' } as const;
      const doubted = { ...attempt(50), acceptedAt: AT - 7_200_000, settingsDoubted: true };
      expect(policy.apply('fcm', madeUp, result, doubted)).toMatchObject({ step: 'retry' });
    });
  });
});
