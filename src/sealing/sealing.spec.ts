import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { KeyedSealing, NoSealing } from './sealing.js';

describe('NoSealing', () => {
  it('stores what came', () => {
    const sealing = new NoSealing();
    expect([sealing.id('05a'), sealing.token('token'), sealing.open('token')]).toEqual(['05a', 'token', 'token']);
  });

  it('does not take what others have sealed for a token', () => {
    expect(new NoSealing().open(new KeyedSealing(randomBytes(32)).token('token'))).toBeNull();
  });
});

describe('KeyedSealing', () => {
  const key = randomBytes(32);
  const sealing = new KeyedSealing(key);

  it('gives one text one form, which depends on the key', () => {
    expect(sealing.id('05a')).toBe(new KeyedSealing(key).id('05a'));
    expect(sealing.token('token')).toBe(new KeyedSealing(key).token('token'));
    expect(sealing.id('05a')).not.toBe(sealing.id('05b'));
    expect(sealing.id('05a')).not.toBe(new KeyedSealing(randomBytes(32)).id('05a'));
    expect(sealing.token('token')).not.toBe(new KeyedSealing(randomBytes(32)).token('token'));
  });

  it('leaves alone what is sealed', () => {
    const [id, token] = [sealing.id('05a'), sealing.token('token')];
    expect([sealing.id(id), sealing.token(token)]).toEqual([id, token]);
  });

  it('opens tokens, and passes those on that were never sealed', () => {
    expect(sealing.open(sealing.token('token'))).toBe('token');
    expect(sealing.open('token')).toBe('token');
    expect(sealing.open(' damaged')).toBeNull();
  });
});
