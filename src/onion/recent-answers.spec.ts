import { afterEach, describe, expect, it, vi } from 'vitest';
import { RecentAnswers, REMEMBER_MS, type SealedAnswer } from './recent-answers.js';

const answer = (body: Buffer | string, isFinal = true): Promise<SealedAnswer> =>
  Promise.resolve({ body: Buffer.from(body), isFinal });
/** Every byte there is. */
const BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

describe('recent answers', () => {
  afterEach(() => void vi.useRealTimers());

  it('are given again, byte by byte', async () => {
    const recent = new RecentAnswers();
    expect(recent.find('a')).toBeNull();
    expect(await recent.keep('a', answer(BYTES))).toEqual(BYTES);
    expect(recent.find('a')).toEqual(BYTES);
    expect(recent.find('b')).toBeNull();
  });

  it('are waited for while the first request is under way', async () => {
    const recent = new RecentAnswers();
    const { promise, resolve } = Promise.withResolvers<SealedAnswer>();
    const first = recent.keep('a', promise);
    const second = recent.find('a');
    resolve({ body: Buffer.from('done'), isFinal: false });
    expect([await first, await second]).toEqual([Buffer.from('done'), Buffer.from('done')]);
  });

  it('are forgotten when a second try may do better, and when there is none', async () => {
    const recent = new RecentAnswers();
    await recent.keep('a', answer('not now', false));
    await expect(recent.keep('b', Promise.reject(new Error('a fault')))).rejects.toThrow('a fault');
    expect([recent.find('a'), recent.find('b')]).toEqual([null, null]);
  });

  it('are forgotten after some minutes', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
    vi.advanceTimersByTime(1000);
    const recent = new RecentAnswers();
    await recent.keep('a', answer('done'));
    vi.advanceTimersByTime(REMEMBER_MS - 1000);
    expect(recent.find('a')).not.toBeNull();
    vi.advanceTimersByTime(2000);
    expect(recent.find('a')).toBeNull();
  });

  it('are bounded in number and in bytes: the oldest go first', async () => {
    const recent = new RecentAnswers();
    await recent.keep('first', answer('done'));
    for (let index = 0; index < 100_000; index++) await recent.keep(`small ${index}`, answer('done'));
    expect([recent.find('first'), recent.find('small 50000')]).toEqual([null, Buffer.from('done')]);
    const megabyte = Buffer.alloc(1024 * 1024);
    for (let index = 0; index < 16; index++) await recent.keep(`large ${index}`, answer(megabyte));
    expect([recent.find('small 99999'), recent.find('large 8')]).toEqual([null, megabyte]);
  });
});
