import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AlertHook } from '../support/alert-hook.js';
import { runCommand } from '../support/command-line.js';
import { inFolder } from '../support/spawned-server.js';

const run = (args: string[], env: Record<string, string>) => inFolder((folder) => runCommand(args, { folder, env }));

describe('alert-test', () => {
  let hook: AlertHook;
  beforeEach(async () => void (hook = await AlertHook.start('discord')));
  afterEach(() => hook.close());

  it('sends one message in the form that is set, and says what the hook answers', async () => {
    const { code, stdout } = await run(['alert-test'], {
      ALERT_WEBHOOK_URL: hook.url,
      ALERT_WEBHOOK_FORMAT: 'discord',
    });
    expect(code).toBe(0);
    expect(stdout).toContain('the hook answers 204 to a test message in the form discord');
    expect(hook.shown).toEqual([expect.stringMatching(/^Session push server on \S+: this is a test of alerts\./)]);
  });

  it('fails with the words of a hook that wants another form, and keeps its address to itself', async () => {
    const { code, stdout, stderr } = await run(['alert-test'], { ALERT_WEBHOOK_URL: hook.url });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^the hook answers 400 .*Cannot send an empty message.* in the form json\. See ALERT_WEBHOOK_URL/,
    );
    expect(stdout + stderr).not.toContain(new URL(hook.url).pathname);
  });

  it('says that no hook is set', async () => {
    expect(await run(['alert-test'], {})).toMatchObject({ code: 1, stderr: expect.stringContaining('is not set') });
  });

  describe('as part of check', () => {
    const lineOf = async (...args: string[]) => {
      const env = { ALERT_WEBHOOK_URL: hook.url, ALERT_WEBHOOK_FORMAT: 'discord' };
      const { stdout } = await run(['check', '--json', ...args], env);
      const { checks } = JSON.parse(stdout) as { checks: { name: string; status: string; detail: string }[] };
      return checks.find(({ name }) => name === 'alerts');
    };

    it('is left out offline', async () => {
      expect(await lineOf('--offline')).toMatchObject({ status: 'off', detail: 'not asked' });
      expect(hook.requests).toEqual([]);
    });

    it('says what the hook answers', async () => {
      expect(await lineOf()).toMatchObject({ status: 'ok', detail: expect.stringContaining('the hook answers 204') });
    });

    it('fails when the hook does not take it', async () => {
      hook.answers.push(403);
      expect(await lineOf()).toMatchObject({
        status: 'failed',
        detail: expect.stringContaining('the hook answers 403'),
      });
    });
  });
});
