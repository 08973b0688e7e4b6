import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { within } from './within.js';

describe('within', () => {
  it('gives what the work gives, in time', async () => {
    expect(await within(1000, sleep(5, 'done'))).toBe('done');
  });

  it('fails as the work fails', async () => {
    await expect(within(1000, Promise.reject(new Error('no database')))).rejects.toThrow('no database');
  });

  it('does not wait for longer', async () => {
    const began = performance.now();
    await expect(within(30, new Promise(() => {}))).rejects.toThrow('timed out');
    expect(performance.now() - began).toBeLessThan(1000);
  });

  it('is not troubled by what fails later', async () => {
    const late = sleep(40).then(() => Promise.reject(new Error('late')));
    await expect(within(10, late)).rejects.toThrow('timed out');
    await sleep(60);
  });
});
