import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { bindDevice, isBound, rebind } from './bound-device.js';
import { KeyedSealing, NoSealing } from './sealing.js';

describe('a bound device', () => {
  const dataKeys = [randomBytes(32), randomBytes(32)] as const;
  const sealing = new KeyedSealing(dataKeys[0]);
  const second = new KeyedSealing(...dataKeys);
  const deviceOf = (used: KeyedSealing, token = 't1', id = '05a', deviceType = 'android') => ({
    ...{ token: used.token(token), sessionId: used.id(id), deviceType },
  });
  const device = deviceOf(sealing);
  const binding = bindDevice(sealing, device);

  it('is known again, and with a later data key too', () => {
    expect(isBound(sealing, device, binding)).toBe(true);
    expect(isBound(second, device, binding)).toBe(true);
    expect(isBound(second, deviceOf(second), bindDevice(second, deviceOf(second)))).toBe(true);
  });

  it.each([
    ['another id', deviceOf(sealing, 't1', '05b')],
    ['another token', deviceOf(sealing, 't2')],
    ['another type', deviceOf(sealing, 't1', '05a', 'ios')],
  ])('is not the same row with %s', (_what, other) => expect(isBound(sealing, other, binding)).toBe(false));

  it('is not one without a binding, with that of another key, or with one of a key that is not there', () => {
    expect(isBound(sealing, device, null)).toBe(false);
    expect(isBound(sealing, device, bindDevice(new KeyedSealing(randomBytes(32)), device))).toBe(false);
    expect(isBound(sealing, deviceOf(second), bindDevice(second, deviceOf(second)))).toBe(false);
  });

  it('has nothing plain in it, which anybody could put beside what is sealed', () => {
    const mixed = [
      { ...device, token: 't1' },
      { ...device, sessionId: '05a' },
      { ...device, sessionId: second.id('05a') },
    ];
    for (const one of mixed) {
      expect(bindDevice(second, one)).toBeNull();
      expect(isBound(second, one, null)).toBe(false);
    }
  });

  it('is what there is without a data key, for all that can be told', () => {
    const plain = { token: 't1', sessionId: '05a', deviceType: 'android' };
    expect(bindDevice(new NoSealing(), plain)).toBeNull();
    expect(isBound(new NoSealing(), plain, null)).toBe(true);
  });

  describe('whose row becomes another', () => {
    const row = (used: KeyedSealing | NoSealing, bound: string | null) => ({
      ...{ token: used.token('t1'), session_id: used.id('05a'), device_type: 'android', binding: bound },
    });

    it('stays bound', () => {
      const later = rebind(second, row(sealing, binding), row(second, binding));
      expect(later.binding).toBe(bindDevice(second, deviceOf(second)));
    });

    it('is bound when it was plain', () => {
      const sealed = rebind(sealing, row(new NoSealing(), null), row(sealing, null));
      expect(sealed.binding).toBe(binding);
    });

    it('is not bound when it was not before', () => {
      for (const bad of [null, 'x'.repeat(22)]) {
        expect(rebind(second, row(sealing, bad), row(second, bad)).binding).toBe(bad);
      }
    });

    it('is not bound when only one half of it was plain', () => {
      const half = { ...row(sealing, null), token: 't1' };
      expect(rebind(sealing, half, row(sealing, null)).binding).toBeNull();
    });

    it('stays as it is in a table without such a column', () => {
      const other = { token: ' x', provider: 'apns' };
      expect(rebind(sealing, other, other)).toBe(other);
    });
  });
});
