import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type CommandResult, runCommand } from '../support/command-line.js';
import { startGateways, type TestGateways } from '../support/gateways.js';
import { newAndroidToken, newHuaweiToken, newIosToken } from '../support/people.js';
import { PhoneWithoutGoogle } from '../support/phone-without-google.js';
import { inFolder } from '../support/spawned-server.js';

describe('push', () => {
  let gateways: TestGateways;
  beforeAll(async () => void (gateways = await startGateways()));
  afterEach(() => gateways.reset());
  afterAll(() => gateways.close());

  const push = (provider: string, input: string, env: Record<string, string> = gateways.environment) =>
    inFolder((folder): Promise<CommandResult> => runCommand(['push', '--provider', provider], { folder, env, input }));

  it.each([
    ['apns', newIosToken],
    ['fcm', newAndroidToken],
    ['huawei', newHuaweiToken],
  ] as const)('reaches one device through %s', async (provider, newToken) => {
    const token = newToken();
    const { code, stdout } = await push(provider, `${token}\n`);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining(`${provider} accepted the push`) });
    expect(gateways[provider].received.map((received) => received.token)).toEqual([token]);
  });

  it('reaches a phone without Google, with the subscription as a browser gives it out', async () => {
    const vapid = await inFolder((folder) => runCommand(['pubkey', '--vapid'], { folder, env: gateways.environment }));
    const { endpoint, ...keys } = new PhoneWithoutGoogle(gateways.webpush, vapid.stdout.trim()).info;
    const { code, stdout } = await push('webpush', JSON.stringify({ endpoint, expirationTime: null, keys }));
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('webpush accepted the push') });
    expect(gateways.webpush.received).toHaveLength(1);
  });

  it('says what its provider says of a device that is gone, and what is to be looked at', async () => {
    const token = newIosToken();
    gateways.apns.mark(token, 'other-environment');
    const { code, stderr } = await push('apns', token);
    expect(code).toBe(1);
    expect(stderr).toContain('no such device (BadDeviceToken): check APNS_ENVIRONMENT');
    expect(stderr).not.toContain(token);
  });

  it('refuses what is no token, and does not repeat it', async () => {
    const { code, stdout, stderr } = await push('apns', 'not-hexadecimal');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('Invalid APNs device token');
    expect(stderr).not.toContain('not-hexadecimal');
    expect((await push('webpush', 'https://push.example.org/x')).stderr).toContain('is a JSON object');
  });

  it('says which provider is not configured, and which there are', async () => {
    expect(await push('huawei', newHuaweiToken(), {})).toMatchObject({
      code: 1,
      stderr: 'huawei is not configured.\n',
    });
    const { code, stderr } = await push('sms', '1', {});
    expect(code).toBe(2);
    expect(stderr).toContain('apns, fcm, huawei, webpush');
  });
});
