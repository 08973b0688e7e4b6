import { randomBytes } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { FingerprintSet } from './fingerprint-set.js';
import { LocalSeenMessages } from './local-seen-messages.js';
import { fingerprintOf } from './seen-messages.js';

const ACCOUNT = Buffer.alloc(33, 5);
const message = (hash: string | number, account = ACCOUNT) => ({
  account,
  hash: `hash-${hash}`,
  namespace: 0,
  expiresAt: 1_900_000_000_000,
  data: Buffer.from('hello'),
});
const done = () => Promise.resolve();

describe('LocalSeenMessages', () => {
  it('takes each message of each account once', async () => {
    const seen = new LocalSeenMessages();
    const take = vi.fn<() => Promise<void>>(done);
    expect(await seen.once(message(1), take)).toBe('taken');
    expect(await seen.once(message(1), take)).toBe('copy');
    expect(await seen.once(message(2), take)).toBe('taken');
    expect(await seen.once(message(1, Buffer.alloc(33, 3)), take)).toBe('taken');
    expect(take).toHaveBeenCalledTimes(3);
  });

  it.each([
    ['another namespace', { namespace: -1 }],
    ['another content', { data: Buffer.from('other') }],
    ['no content', { data: null }],
    ['an end that comes soon', { expiresAt: Date.now() + 10 }],
  ])('does not take a report with %s for the message: no node can keep it from being pushed', async (_what, lie) => {
    const seen = new LocalSeenMessages();
    await seen.once({ ...message(1), ...lie }, done);
    expect(await seen.once(message(1), done)).toBe('taken');
  });

  it('lets copies wait for the first, and counts them when it was kept', async () => {
    const seen = new LocalSeenMessages();
    const first = Promise.withResolvers<void>();
    const copy = vi.fn<() => Promise<void>>(done);
    const outcomes = [
      seen.once(message(1), () => first.promise),
      seen.once(message(1), copy),
      seen.once(message(1), copy),
    ];
    first.resolve();
    expect(await Promise.all(outcomes)).toEqual(['taken', 'copy', 'copy']);
    expect(copy).not.toHaveBeenCalled();
  });

  it('takes the next copy when the first could not be kept, and no other', async () => {
    const seen = new LocalSeenMessages();
    const first = Promise.withResolvers<void>();
    const second = vi.fn<() => Promise<void>>(done);
    const third = vi.fn<() => Promise<void>>(done);
    const lost = seen.once(message(1), () => first.promise);
    const outcomes = [seen.once(message(1), second), seen.once(message(1), third)];
    first.reject(new Error('the database is away'));
    await expect(lost).rejects.toThrow('the database is away');
    expect(await Promise.all(outcomes)).toEqual(['taken', 'copy']);
    expect([second, third].map(({ mock }) => mock.calls.length)).toEqual([1, 0]);
  });

  it('remembers for its period at least, and forgets after two', async () => {
    const seen = new LocalSeenMessages(200);
    await seen.once(message(1), done);
    await new Promise((resolve) => setTimeout(resolve, 450));
    expect(await seen.once(message(1), done)).toBe('taken');
    expect(seen.memoryMs).toBe(200);
  });

  it('forgets the oldest early rather than to grow, and counts them', async () => {
    const seen = new LocalSeenMessages(3_600_000, 100);
    for (let index = 0; index < 250; index++) await seen.once(message(index), done);
    expect(await seen.once(message(249), done)).toBe('copy');
    expect(await seen.once(message(150), done)).toBe('copy');
    expect(await seen.once(message(1), done)).toBe('taken');
    expect(seen.forgottenEarly).toBe(100);
  });
});

describe('FingerprintSet', () => {
  it('holds what was added, and nothing else, while it grows', () => {
    const set = new FingerprintSet(100_000);
    const added = Array.from({ length: 20_000 }, () => randomBytes(8));
    for (const fingerprint of [...added, ...added]) set.add(fingerprint);
    expect(set.size).toBe(20_000);
    expect(added.every((fingerprint) => set.has(fingerprint))).toBe(true);
    expect(Array.from({ length: 20_000 }, () => randomBytes(8)).some((other) => set.has(other))).toBe(false);
    expect(set.isFull).toBe(false);
  });

  it('holds the one that is all zeros', () => {
    const set = new FingerprintSet(1);
    expect(set.has(Buffer.alloc(8))).toBe(false);
    set.add(Buffer.alloc(8));
    expect(set.has(Buffer.alloc(8))).toBe(true);
    expect(set.isFull).toBe(true);
  });
});

describe('fingerprintOf', () => {
  it('has 64 bits and depends on the message and the secret', () => {
    const secret = Buffer.alloc(32, 1);
    const prints = [
      fingerprintOf(message(1), secret),
      fingerprintOf(message(2), secret),
      fingerprintOf(message(1, Buffer.alloc(33)), secret),
      fingerprintOf(message(1), Buffer.alloc(32, 2)),
    ];
    expect(new Set(prints.map((print) => print.toString('hex'))).size).toBe(4);
    expect(prints[0]).toHaveLength(8);
  });
});
