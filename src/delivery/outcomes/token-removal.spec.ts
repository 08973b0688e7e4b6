import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { letPass, stopBothClocks } from '../../../test/support/both-clocks.js';
import { type DeliveryParts, useDeliveryParts } from '../../../test/support/delivery-parts.js';
import { storedId, storedToken } from '../../../test/support/stored.js';
import { DatabaseWriter } from '../../database/database-writer.js';
import { Device } from '../../devices/device.entity.js';
import { DevicesService } from '../../devices/devices.service.js';
import { SuspectToken } from '../../devices/suspect-token.entity.js';
import { SuspectTokensService } from '../../devices/suspect-tokens.service.js';
import { MetricsService } from '../../metrics/metrics.service.js';
import { type OperatorEvent, OperatorEvents } from '../../operator/operator-events.js';
import { DEFAULT_DELIVERY_TUNING } from '../delivery-tuning.js';
import { TokenRegistries, type TokenSnapshot } from '../token-registry.js';
import { TokenRemoval } from './token-removal.js';

const NOW = 1_800_000_000_000;
const { removalHoldMs: HOLD_MS, brakeWindowMs: WINDOW_MS } = DEFAULT_DELIVERY_TUNING;

describe('TokenRemoval', () => {
  const open = useDeliveryParts();
  let parts: DeliveryParts;
  let removal: TokenRemoval;
  let events: OperatorEvent[];
  let passed: number;

  beforeEach(async () => {
    stopBothClocks(NOW);
    passed = 0;
    parts = await open();
    removal = parts.get(TokenRemoval);
    events = [];
    parts.get(OperatorEvents).on((event) => events.push(event));
  });
  afterEach(() => void vi.useRealTimers());

  const register = async (name: string) => {
    const token = storedToken(name);
    await parts
      .get(DatabaseWriter)
      .write((manager) =>
        parts.get(DevicesService).save(manager, { token, sessionId: storedId('05a'), deviceType: 'ios' }, false),
      );
    const { registeredAt } = await parts.rows(Device).findOneByOrFail({ token });
    return { token, registeredAt };
  };
  const registerAll = (count: number) =>
    Promise.all(Array.from({ length: count }, (_, index) => register(`token${index}`)));
  const callDead = (snapshot: TokenSnapshot, reason = 'Unregistered', recipient = `owner of ${snapshot.token}`) =>
    removal.calledDead('apns', { ...snapshot, apnsEnvironment: null, acceptedAt: 1, reason, recipient });
  /** Of a token that the provider never accepted. */
  const callStrangerDead = (snapshot: TokenSnapshot, reason = 'Unregistered') =>
    removal.calledDead('apns', { ...snapshot, apnsEnvironment: null, reason, recipient: `owner of ${snapshot.token}` });
  const devices = () => parts.rows(Device).count();
  const suspects = () => parts.rows(SuspectToken).count();
  /** What a process that starts now knows. */
  const restart = async () => {
    removal = new TokenRemoval(
      DEFAULT_DELIVERY_TUNING,
      parts.get(TokenRegistries),
      parts.get(OperatorEvents),
      parts.get(MetricsService),
    );
    await removal.onModuleInit();
    await removal.decide();
  };
  /** Until so long after the beginning. */
  const wait = (ms: number) => {
    letPass(ms - passed);
    passed = ms;
  };
  const after = async (ms: number) => {
    wait(ms);
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
    wait(WINDOW_MS);
    await restart();
    expect(events.at(-1)).toEqual({ kind: 'brake-engaged', provider: 'apns' });
    for (const token of all) callDead(token);
    await after(WINDOW_MS + HOLD_MS);
    expect([await devices(), await suspects()]).toEqual([6, 6]);
    expect([removal.isBraking('apns'), removal.isBraking('fcm')]).toEqual([true, false]);
  });

  it.each([
    ['of long ago', async () => wait(HOLD_MS + WINDOW_MS)],
    ['whom the operator released', () => parts.get(SuspectTokensService).release('apns')],
  ])('takes suspects %s for no fault of today', async (_, pass) => {
    const all = await registerAll(6);
    for (const token of all.slice(0, 5)) callDead(token);
    await after(HOLD_MS);
    await pass();
    await restart();
    expect(removal.isBraking('apns')).toBe(false);
  });

  it('counts what is said of one token once, however often it is said', async () => {
    const dead = await register('t1');
    for (let tries = 1; tries <= 10; tries++) {
      callDead(dead, 'BadDeviceToken');
      await after(tries * HOLD_MS);
    }
    expect(removal.isBraking('apns')).toBe(false);
  });

  it('counts one person, or one token in many groups, once', async () => {
    const all = await registerAll(20);
    const [one] = all;
    for (const token of all) callDead({ ...token }, 'R', '05a');
    await after(HOLD_MS);
    assert(one);
    for (let group = 0; group < 20; group++) {
      callDead(one, 'R', `group ${group}`);
      await after((group + 2) * HOLD_MS);
    }
    expect(removal.isBraking('apns')).toBe(false);
  });

  describe('of tokens that the provider never accepted', () => {
    it('lets them go without engaging the brake, however many', async () => {
      for (const token of await registerAll(100)) callStrangerDead(token);
      await after(HOLD_MS);
      expect([await devices(), await suspects(), removal.isBraking('apns')]).toEqual([0, 0, false]);
    });

    it('keeps them while the brake is on, and suspects none', async () => {
      const all = await registerAll(6);
      for (const token of all.slice(0, 5)) callDead(token);
      for (const token of all.slice(5)) callStrangerDead(token);
      await after(HOLD_MS);
      expect([await devices(), await suspects()]).toEqual([6, 5]);
    });

    it('keeps them when wrong settings may be the reason', async () => {
      callStrangerDead(await register('t1'), 'BadDeviceToken');
      await after(HOLD_MS);
      expect(await devices()).toBe(1);
    });

    it('lets them go when a push was accepted some minutes before', async () => {
      removal.accepted('apns');
      await after(WINDOW_MS / 2);
      const [known, stranger] = [await register('t1'), await register('t2')];
      callDead(known, 'BadDeviceToken');
      callStrangerDead(stranger, 'BadDeviceToken');
      await after(WINDOW_MS / 2 + HOLD_MS);
      expect([removal.isGone(known), removal.isGone(stranger)]).toEqual([false, true]);
    });
  });

  it('goes on after a window with few dead answers', async () => {
    const all = await registerAll(6);
    for (const token of all.slice(0, 5)) callDead(token);
    await after(HOLD_MS);
    for (let at = HOLD_MS; at < 3 * WINDOW_MS; at += WINDOW_MS / 10) {
      wait(at);
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
    expect(parts.logger.find('dead tokens could not be removed, they stay for now')).toHaveLength(1);
    expect(await devices()).toBe(1);
    await after(HOLD_MS + 1000);
    expect(await devices()).toBe(0);
  });

  it('holds a bounded number of answers', async () => {
    for (let index = 0; index < 10_100; index++) callDead({ token: storedToken(`token${index}`), registeredAt: 1 });
    expect(removal['states'].get('apns')?.held.size).toBe(10_000);
  });
});
