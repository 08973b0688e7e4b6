import { afterEach, describe, expect, it } from 'vitest';
import { AlertHook } from '../../test/support/alert-hook.js';
import { formatOfHook, type HookMessage } from './hook-message.protocol.js';
import { Hook, isTaken } from './hook.js';

const messageOf = (text: string, severity: HookMessage['severity'] = 'warning'): HookMessage => ({
  text,
  kind: 'queue-late',
  severity,
  at: '2026-01-02T03:04:05.000Z',
  details: { count: 3 },
});

const TEXT = 'The queue <waits> & "waits", *for* @everyone, ünd 🙂 too';
const post = (hook: AlertHook, format: 'json' | 'slack' | 'discord' | 'teams' | 'ntfy', message: HookMessage) =>
  new Hook({ url: hook.url, format }).post(message, AbortSignal.timeout(5000));

let hook: AlertHook;
afterEach(() => hook.close());

describe('a hook', () => {
  it.each([
    ['slack', TEXT, 200],
    ['discord', TEXT, 204],
    ['teams', TEXT, 202],
    ['ntfy', `Session push server [high] ${TEXT}`, 200],
  ] as const)('of %s shows the text, whatever is in it', async (program, shown, status) => {
    hook = await AlertHook.start(program);
    const answer = await post(hook, program, messageOf(TEXT));
    expect(answer).toMatchObject({ kind: 'answer', status });
    expect(isTaken(answer)).toBe(true);
    expect(hook.shown).toEqual([shown]);
  });

  it.each([
    ['discord', 2000],
    ['ntfy', 4096],
  ] as const)('of %s gets no more than it shows', async (program, limit) => {
    hook = await AlertHook.start(program);
    expect(isTaken(await post(hook, program, messageOf('ü'.repeat(10_000), 'info')))).toBe(true);
    expect(hook.shown[0]).toMatch(/üü…$/);
    expect(hook.shown[0]?.length).toBeGreaterThan(limit / 2 - 10);
  });

  it('of no program in particular gets everything', async () => {
    hook = await AlertHook.start();
    expect(await post(hook, 'json', messageOf(TEXT))).toEqual({ kind: 'answer', status: 200, text: 'ok' });
    expect(hook.messages).toEqual([messageOf(TEXT)]);
  });

  it.each(['discord', 'teams', 'slack', 'ntfy'] as const)(
    'of %s refuses another form, and says how',
    async (program) => {
      hook = await AlertHook.start(program);
      const answer = await post(hook, 'json', messageOf('hello'));
      expect(isTaken(answer)).toBe(false);
      expect(answer).toMatchObject({ kind: 'answer', text: expect.stringMatching(/\w/) });
    },
  );

  it('that does not answer, or is not there, is told without its address', async () => {
    hook = await AlertHook.start();
    hook.answers.push('stall');
    const slow = new Hook({ url: hook.url, format: 'json' });
    expect(await slow.post(messageOf('hello'), AbortSignal.timeout(100))).toEqual({
      kind: 'none',
      reason: 'no answer in time',
    });
    const absent = new Hook({ url: 'http://127.0.0.1:1/secret', format: 'json' });
    expect(await absent.post(messageOf('hello'), AbortSignal.timeout(5000))).toEqual({
      kind: 'none',
      reason: 'ECONNREFUSED',
    });
  });

  it.each([
    ['https://hooks.slack.com/services/T0/B0/x', 'slack'],
    ['https://discord.com/api/webhooks/1/x', 'discord'],
    ['https://ptb.discord.com/api/webhooks/1/x', 'discord'],
    ['https://discordapp.com/api/webhooks/1/x', 'discord'],
    ['https://discord.com/api/webhooks/1/x/slack', 'slack'],
    ['https://example.webhook.office.com/webhookb2/x', 'teams'],
    ['https://prod-01.westeurope.logic.azure.com:443/workflows/x', 'teams'],
    ['https://default1.2.environment.api.powerplatform.com/powerautomate/x', 'teams'],
    ['https://ntfy.sh/topic', 'ntfy'],
    ['https://chat.example.org/hooks/x', 'json'],
    ['https://notdiscord.com/api/webhooks/1/x', 'json'],
    ['https://example.org/ntfy.sh', 'json'],
  ])('at %s is taken for one of %s', (url, format) => {
    expect(formatOfHook(url)).toBe(format);
    expect(new Hook({ url, format: 'auto' }).format).toBe(format);
    expect(new Hook({ url, format: 'json' }).format).toBe('json');
  });
});
