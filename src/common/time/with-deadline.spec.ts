import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { DeadlineError, withDeadline } from './with-deadline.js';

it('gives what the work gives, late or at once', async () => {
  expect(await withDeadline(7, 1000)).toBe(7);
  expect(await withDeadline(sleep(10, 'value'), 1000)).toBe('value');
});

it('passes the error of the work on', async () => {
  await expect(withDeadline(Promise.reject(new Error('refused')), 1000)).rejects.toThrow('refused');
});

it('rejects when the time is over, whatever the work does later', async () => {
  const failing = sleep(40).then(() => Promise.reject(new Error('too late')));
  await expect(withDeadline(failing, 10)).rejects.toThrow(DeadlineError);
  await sleep(60);
});

it('leaves no timer behind', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const before = timers();
  await withDeadline(Promise.resolve(), 60_000);
  expect(timers()).toBe(before);
});
