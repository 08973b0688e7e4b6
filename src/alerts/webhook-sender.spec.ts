import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Logger } from '@nestjs/common';
import { AlertHook } from '../../test/support/alert-hook.js';
import { RecordingLogger } from '../../test/support/recording-logger.js';
import { Hook } from './hook.js';
import { WebhookSender } from './webhook-sender.js';

const TIMING = { pausesMs: [10, 10, 10], requestTimeoutMs: 1000, maxWaiting: 3 };

const open = ({ url }: AlertHook): Hook => new Hook({ url, format: 'json' });
const hello = { text: 'hello', kind: 'test', severity: 'info' as const, at: '2026-01-02T03:04:05.000Z', details: {} };

describe('WebhookSender', () => {
  let hook: AlertHook;
  let sender: WebhookSender;
  let log: RecordingLogger;
  beforeEach(async () => {
    log = new RecordingLogger();
    Logger.overrideLogger(log);
    hook = await AlertHook.start();
    sender = new WebhookSender(open(hook), TIMING);
  });
  afterEach(async () => {
    await sender.stop();
    await hook.close();
    Logger.overrideLogger(false);
  });

  it('posts JSON', async () => {
    expect(await sender.send(hello)).toBe(true);
    expect(hook.requests).toMatchObject([
      { method: 'POST', text: JSON.stringify(hello), headers: { 'content-type': 'application/json' } },
    ]);
  });

  it.each<[string, number | 'stall']>([
    ['429', 429],
    ['500', 500],
    ['503', 503],
    ['silence', 'stall'],
  ])('tries again after %s', async (_what, answer) => {
    hook.answers.push(answer, answer);
    expect(await sender.send(hello)).toBe(true);
    expect(hook.requests).toHaveLength(3);
  });

  it('gives up after a few tries', async () => {
    hook.answers.push(500, 500, 500, 500, 500, 500);
    expect(await sender.send(hello)).toBe(false);
    expect(hook.requests).toHaveLength(4);
  });

  it.each([400, 403, 404, 301, 302])('does not try again after %i, and follows no redirection', async (status) => {
    hook.answers.push(status);
    expect(await sender.send(hello)).toBe(false);
    expect(hook.requests).toHaveLength(1);
  });

  it('keeps the order', async () => {
    hook.answers.push(500);
    await Promise.all([1, 2, 3].map((number) => sender.send({ ...hello, text: String(number) })));
    expect(hook.messages.map(({ text }) => text)).toEqual(['1', '1', '2', '3']);
  });

  it('keeps a few, and drops what comes while those wait', async () => {
    hook.answers.push('stall');
    const results = await Promise.all([1, 2, 3, 4, 5].map((number) => sender.send({ ...hello, text: String(number) })));
    expect(results).toEqual([true, true, true, false, false]);
    expect(log.find('too many wait')).toHaveLength(2);
  });

  it('ends at once when it is stopped', async () => {
    hook.answers.push('stall');
    const slow = new WebhookSender(open(hook), { ...TIMING, requestTimeoutMs: 60_000, pausesMs: [60_000] });
    const sending = slow.send(hello);
    await hook.waitFor(1);
    await slow.stop();
    expect(await sending).toBe(false);
  });

  it('says that nobody is there, and never the address', async () => {
    await hook.close();
    expect(await sender.send(hello)).toBe(false);
    expect(log.find('ECONNREFUSED')).toHaveLength(4);
    expect(log.lines.join('\n')).not.toMatch(/secret-of-the-hook|127\.0\.0\.1/);
    hook = await AlertHook.start();
  });
});
