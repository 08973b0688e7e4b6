import { randomBytes } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { KeyedSealing, NoSealing, type StoredId, type StoredToken } from './sealing.js';

describe('NoSealing', () => {
  it('stores what came', () => {
    const sealing = new NoSealing();
    expect([sealing.id('05a'), sealing.token('token'), sealing.open('token')]).toEqual(['05a', 'token', 'token']);
  });

  it('does not take what others have sealed for a token', () => {
    expect(new NoSealing().open(new KeyedSealing(randomBytes(32)).token('token'))).toBeNull();
  });
});

describe('NoSealing of subscriptions', () => {
  const sealing = new NoSealing();

  it('stores what came', () => {
    expect([sealing.account('05ab'), sealing.openAccount('05ab')]).toEqual(['05ab', '05ab']);
    const bytes = randomBytes(32);
    expect([sealing.box(bytes), sealing.openBox(bytes)]).toEqual([bytes, bytes]);
  });

  it('does not take what others have sealed for an account', () => {
    expect(sealing.openAccount(new KeyedSealing(randomBytes(32)).account('05ab'))).toBeNull();
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

  it('gives an account one form, leaves that alone and opens it, and passes on what was never sealed', () => {
    const account = '05ab'.padEnd(66, '0');
    const stored = sealing.account(account);
    expect(stored).toBe(new KeyedSealing(key).account(account));
    expect(sealing.account(stored)).toBe(stored);
    expect([sealing.openAccount(stored), sealing.openAccount(account)]).toEqual([account, account]);
    expect(sealing.openAccount(' damaged')).toBeNull();
  });

  it('opens a box in its place only', () => {
    const bytes = randomBytes(32);
    const box = sealing.box(bytes, 'here');
    expect([sealing.openBox(box, 'here'), sealing.openBox(box, 'there')]).toEqual([bytes, null]);
  });
});

describe('KeyedSealing with several keys', () => {
  const dataKeys = [randomBytes(32), randomBytes(32), randomBytes(32)] as const;
  const first = new KeyedSealing(dataKeys[0]);
  const second = new KeyedSealing(dataKeys[0], dataKeys[1]);
  const third = new KeyedSealing(...dataKeys);
  const account = '05ab'.padEnd(66, '0');
  const forms = (of: (sealing: KeyedSealing) => string): string[] => [first, second, third].map(of);

  it('carries over what earlier keys sealed to the form that the plain text has', () => {
    for (const form of forms((sealing) => sealing.id('05a'))) expect(third.id(form)).toBe(third.id('05a'));
    for (const form of forms((sealing) => sealing.token('token'))) expect(third.token(form)).toBe(third.token('token'));
    for (const form of forms((sealing) => sealing.account(account)))
      expect(third.account(form)).toBe(third.account(account));
  });

  it('opens what any of them sealed', () => {
    for (const form of forms((sealing) => sealing.token('token'))) expect(third.open(form)).toBe('token');
    for (const form of forms((sealing) => sealing.account(account))) expect(third.openAccount(form)).toBe(account);
    const box = first.box(Buffer.from('content'), 'here');
    expect([third.openBox(box, 'here', 1), third.openBox(box, 'here')]).toEqual([Buffer.from('content'), null]);
  });

  it('leaves alone what a later one sealed, and cannot open it', () => {
    const [id, token, sealedAccount] = [third.id('05a'), third.token('token'), third.account(account)];
    expect([first.id(id), second.token(token), second.account(sealedAccount)]).toEqual([id, token, sealedAccount]);
    expect([first.open(token), second.openAccount(sealedAccount)]).toEqual([null, null]);
  });

  it('gives what is damaged its mark, once', () => {
    expect([third.token(' damaged'), third.account(' ,damaged')]).toEqual([' +damaged', ' +damaged']);
    expect(third.token(' +damaged')).toBe(' +damaged');
    expect(third.open(' +damaged')).toBeNull();
  });
});

describe('what is stored', () => {
  const keep = (id: StoredId, token: StoredToken) => [id, token];

  it('is never a plain id or token, which the compiler takes for neither', () => {
    const sealing = new NoSealing();
    const [id, token] = [sealing.id('05a'), sealing.token('token')];
    expect(keep(id, token)).toEqual(['05a', 'token']);
    // @ts-expect-error -- a plain id
    keep('05a', token);
    // @ts-expect-error -- a plain token
    keep(id, 'token');
    // @ts-expect-error -- one for the other
    keep(token, id);
  });

  it('is made here and nowhere else', () => {
    const makers = globSync('src/**/*.ts').filter((file) => /\bas Stored(Id|Token)\b/.test(readFileSync(file, 'utf8')));
    expect(makers).toEqual(['src/sealing/sealing.ts']);
  });
});
