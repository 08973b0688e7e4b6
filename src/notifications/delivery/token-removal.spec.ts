import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DeliveryParts, useDeliveryParts } from '../../../test/support/delivery-parts.js';
import { DatabaseWriter } from '../../database/database-writer.js';
import { Device } from '../../devices/device.entity.js';
import { DevicesService } from '../../devices/devices.service.js';
import { SuspectToken } from '../../devices/suspect-token.entity.js';
import { SuspectTokensService } from '../../devices/suspect-tokens.service.js';
import { MetricsService } from '../../metrics/metrics.service.js';
import { type OperatorEvent, OperatorEvents } from '../../operator/operator-events.js';
import { DEFAULT_DELIVERY_TUNING } from './delivery-tuning.js';
import { TokenRemoval } from './token-removal.js';

const NOW = 1_800_000_000_000;
const { removalHoldMs: HOLD_MS, brakeWindowMs: WINDOW_MS } = DEFAULT_DELIVERY_TUNING;

describe('TokenRemoval', () => {
  const open = useDeliveryParts();
  let parts: DeliveryParts;
  let removal: TokenRemoval;
  let events: OperatorEvent[];
  let notifications = 0;

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    parts = await open();
    removal = parts.get(TokenRemoval);
    events = [];
    parts.get(OperatorEvents).on((event) => events.push(event));
  });
  afterEach(() => void vi.useRealTimers());

  const register = async (token: string) => {
    await parts
      .get(DatabaseWriter)
      .write((manager) =>
        parts.get(DevicesService).save(manager, { token, sessionId: '05a', deviceType: 'ios' }, false),
      );
    const { registeredAt } = await parts.rows(Device).findOneByOrFail({ token });
    return { token, registeredAt };
  };
  const registerAll = (count: number) =>
    Promise.all(Array.from({ length: count }, (_, index) => register(`token${index}`)));
  const callDead = (snapshot: { token: string; registeredAt: number }, reason = 'Unregistered') =>
    removal.calledDead('apns', { ...snapshot, reason, notificationId: `n${notifications++}` });
  const devices = () => parts.rows(Device).count();
  const suspects = () => parts.rows(SuspectToken).count();
  /** What a process that starts now knows. */
  const restart = async () => {
    removal = new TokenRemoval(
      DEFAULT_DELIVERY_TUNING,
      parts.get(DevicesService),
      parts.get(SuspectTokensService),
      parts.get(OperatorEvents),
      parts.get(MetricsService),
    );
    await removal.onModuleInit();
    await removal.decide();
  };
  const after = async (ms: number) => {
    vi.setSystemTime(NOW + ms);
    await removal.decide();
  };

  it('holds an answer for some seconds before it removes the token', async () => {
    const dead = await register('t1');
    await register('t2');
    callDead(dead);
    await after(HOLD_MS - 1);
    expect([await devices(), removal.isGone(dead)]).toEqual([2, false]);
    await after(HOLD_MS);
    expect([await devices(), removal.isGone(dead)]).toEqual([1, true]);
  });

  it('keeps a token that was registered again since', async () => {
    const dead = await register('t1');
    callDead(dead);
    const again = await register('t1');
    await after(HOLD_MS);
    expect(await devices()).toBe(1);
    expect([removal.isGone(dead), removal.isGone(again)]).toEqual([false, false]);
  });

  it('tells how many went, and no token', async () => {
    callDead(await register('secret-token'));
    await after(HOLD_MS);
    expect(parts.logger.find('removed dead tokens')).toHaveLength(1);
    expect(parts.logger.find('secret-token')).toEqual([]);
  });

  it('does not believe a reason that wrong settings give too, unless pushes are accepted', async () => {
    callDead(await register('t1'), 'BadDeviceToken');
    await after(HOLD_MS);
    expect(await devices()).toBe(1);
  });

  it('believes it when a push was accepted shortly before', async () => {
    const dead = await register('t1');
    removal.accepted('apns');
    callDead(dead, 'BadDeviceToken');
    await after(HOLD_MS);
    expect(await devices()).toBe(0);
  });

  it('takes what one provider accepted for no proof of another', async () => {
    const dead = await register('t1');
    removal.accepted('fcm');
    callDead(dead, 'BadDeviceToken');
    await after(HOLD_MS);
    expect(await devices()).toBe(1);
  });

  it('removes nothing when too many are called dead, and keeps them as suspects', async () => {
    const all = await registerAll(6);
    for (const token of all.slice(0, 5)) callDead(token);
    await after(HOLD_MS);
    expect([await devices(), await suspects()]).toEqual([6, 5]);
    expect(removal.isBraking('apns')).toBe(true);
    expect(removal.isBraking('fcm')).toBe(false);
    expect(parts.logger.find('removal pauses')).toHaveLength(1);
    expect(events).toEqual([{ kind: 'brake-engaged', provider: 'apns' }]);
    expect(await parts.get(SuspectTokensService).summary()).toEqual([
      { provider: 'apns', reason: 'Unregistered', count: 5 },
    ]);
  });

  it('goes on braking after a restart in the middle of a fault', async () => {
    const all = await registerAll(6);
    for (const token of all.slice(0, 5)) callDead(token);
    await after(HOLD_MS);
    vi.setSystemTime(NOW + WINDOW_MS);
    await restart();
    expect(events.at(-1)).toEqual({ kind: 'brake-engaged', provider: 'apns' });
    for (const token of all) callDead(token);
    await after(WINDOW_MS + HOLD_MS);
    expect([await devices(), await suspects()]).toEqual([6, 6]);
    expect([removal.isBraking('apns'), removal.isBraking('fcm')]).toEqual([true, false]);
  });

  it('takes suspects of long ago, or whom the operator released, for no fault of today', async () => {
    const all = await registerAll(6);
    for (const token of all.slice(0, 5)) callDead(token);
    await after(HOLD_MS);
    vi.setSystemTime(NOW + HOLD_MS + WINDOW_MS);
    await restart();
    expect(removal.isBraking('apns')).toBe(false);
    vi.setSystemTime(NOW + HOLD_MS);
    await parts.get(SuspectTokensService).release('apns');
    await restart();
    expect(removal.isBraking('apns')).toBe(false);
  });

  it('counts the repeated answer to one push once', async () => {
    const dead = await register('t1');
    for (let tries = 1; tries <= 10; tries++) {
      removal.calledDead('apns', { ...dead, reason: 'BadDeviceToken', notificationId: 'the same' });
      await after(tries * HOLD_MS);
    }
    expect(removal.isBraking('apns')).toBe(false);
  });

  it('goes on after a window with few dead answers', async () => {
    const all = await registerAll(6);
    for (const token of all.slice(0, 5)) callDead(token);
    await after(HOLD_MS);
    for (let passed = HOLD_MS; passed < 3 * WINDOW_MS; passed += WINDOW_MS / 10) {
      vi.setSystemTime(NOW + passed);
      for (let accepted = 0; accepted < 20; accepted++) removal.accepted('apns');
      await removal.decide();
    }
    expect(removal.isBraking('apns')).toBe(false);
    expect(events.at(-1)).toEqual({ kind: 'brake-lifted', provider: 'apns' });
    expect(await devices()).toBe(6);
  });

  it('clears a suspicion once the token is removed after all', async () => {
    const dead = await register('t1');
    await parts.get(SuspectTokensService).remember([{ ...dead, provider: 'apns', reason: 'Unregistered' }], NOW);
    callDead(dead);
    await after(HOLD_MS);
    expect([await devices(), await suspects()]).toEqual([0, 0]);
  });

  it('tries again when the database was away', async () => {
    callDead(await register('t1'));
    await parts.sql('ALTER TABLE devices RENAME TO away');
    await after(HOLD_MS);
    await parts.sql('ALTER TABLE away RENAME TO devices');
    expect(parts.logger.find('dead tokens stay for now')).toHaveLength(1);
    expect(await devices()).toBe(1);
    await after(HOLD_MS + 1000);
    expect(await devices()).toBe(0);
  });

  it('holds a bounded number of answers', async () => {
    for (let index = 0; index < 10_100; index++) callDead({ token: `token${index}`, registeredAt: 1 });
    expect(removal['states'].get('apns')?.held.size).toBe(10_000);
  });
});
