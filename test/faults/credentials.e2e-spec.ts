import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeApnsTokenKey, makeServiceAccount, serviceAccountJson } from '../../gateways/certificates.js';
import { DeliveryStatus } from '../../src/delivery/status/delivery-status.js';
import { CredentialWatcher } from '../../src/providers/credential-watcher.js';
import { AlertHook } from '../support/alert-hook.js';
import { startGateways, type TestGateways } from '../support/gateways.js';
import { newData, newId, newIosToken } from '../support/people.js';
import { inFolder, spawnServer } from '../support/spawned-server.js';
import { TestServer } from '../support/test-server.js';
import { arrival, newPhone, type Provider, push } from './phones.js';

const TAKEN = 'credentials were read again and are in use';
const REFUSED = 'the new credentials are refused, the old ones stay in use';
const DAY_MS = 86_400_000;

describe('a credential file that changes', () => {
  let gateways: TestGateways;
  let hook: AlertHook;
  let server: TestServer;
  let folder: string;
  const inFiles = (name: string) => join(folder, name);

  beforeAll(async () => {
    gateways = await startGateways();
    hook = await AlertHook.start();
    folder = mkdtempSync(join(tmpdir(), 'spns-credentials-'));
    cpSync(gateways.files.apnsTokenKeyFile, inFiles('key.p8'));
    cpSync(gateways.files.serviceAccountFile, inFiles('account.json'));
    writeFileSync(inFiles('secret'), `${gateways.files.huaweiAppSecret}\n`);
    server = await TestServer.start({
      database: `sqlite:${inFiles('credentials.sqlite')}`,
      gateways,
      env: {
        APNS_TOKEN_KEY_FILE: inFiles('key.p8'),
        FCM_SERVICE_ACCOUNT_FILE: inFiles('account.json'),
        HUAWEI_APP_SECRET: '',
        HUAWEI_APP_SECRET_FILE: inFiles('secret'),
        ALERT_WEBHOOK_URL: hook.url,
      },
    });
  });
  afterAll(async () => {
    await server.close();
    await hook.close();
    await gateways.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What the server does every few seconds. */
  const look = () => server.app.get(CredentialWatcher).reloadChanged();

  async function delivers(provider: Provider): Promise<void> {
    const phone = await newPhone(server, provider);
    await arrival(gateways, phone, await push(server, phone));
  }

  /** The change is noticed, the log says so, and pushes go on. */
  async function expectAnswer(provider: Provider, file: string, content: string, says: string): Promise<void> {
    server.log.lines.length = 0;
    writeFileSync(inFiles(file), content);
    await look();
    expect(server.log.find(says)).toHaveLength(1);
    expect(server.log.find(`provider: '${provider}'`)).toHaveLength(1);
    await delivers(provider);
  }

  it('is taken for APNs: a new .p8 of the same id', async () => {
    await delivers('apns');
    const { teamId, keyId } = gateways.credentials.apnsTokenKey;
    const key = makeApnsTokenKey(teamId, keyId);
    // From now on the old one is not worth anything.
    gateways.apns.trustTokenKey(key);
    const connections = gateways.apns.counts.connections;
    await expectAnswer('apns', 'key.p8', key.privateKey, TAKEN);
    expect(gateways.apns.counts.connections).toBe(connections + 1);
  });

  it('is taken for FCM: a new key of the service account', async () => {
    await delivers('fcm');
    const account = makeServiceAccount(gateways.credentials.serviceAccount.projectId);
    gateways.fcm.trustServiceAccount(account);
    gateways.fcm.revokeAccessTokens();
    await expectAnswer('fcm', 'account.json', serviceAccountJson(account, gateways.fcm.tokenUri), TAKEN);
  });

  it('is taken for HMS: a new app secret', async () => {
    await delivers('huawei');
    gateways.huawei.appSecret = 'the-next-secret';
    gateways.huawei.revokeAccessTokens();
    await expectAnswer('huawei', 'secret', 'the-next-secret\n', TAKEN);
  });

  it.each<[Provider, string, string, string]>([
    ['apns', 'key.p8', 'no key at all', 'key.p8) is not a private key'],
    ['fcm', 'account.json', '{"type":"service_account"}', 'account.json) is not a service account'],
    ['huawei', 'secret', 'a secret that nobody knows', 'secret) must hold the secret'],
    ['huawei', 'secret', 'mistyped', 'secret) is refused'],
  ])(
    'is refused for %s when it is bad (%s: %s), and the old one stays in use',
    async (provider, file, content, why) => {
      await expectAnswer(provider, file, content, REFUSED);
      expect(server.log.find(why)).toHaveLength(1);
      expect(server.log.find(content)).toEqual([]);
    },
  );

  it('is refused for FCM when Google does not know the key', async () => {
    const stranger = makeServiceAccount('stand-in-project');
    const content = serviceAccountJson({ ...stranger, clientEmail: 'nobody@example.com' }, gateways.fcm.tokenUri);
    await expectAnswer('fcm', 'account.json', content, REFUSED);
    expect(server.log.find('is refused by its token_uri (invalid_grant)')).toHaveLength(1);
    const told = () => hook.messages.filter(({ text }) => String(text).includes('(invalid_grant)'));
    await expect.poll(told).toMatchObject([
      {
        kind: 'credential-refused',
        severity: 'warning',
        text: expect.stringContaining('The new credential of fcm is refused, the old one stays in use: '),
        details: { provider: 'fcm' },
      },
    ]);
  });

  it('is left alone as long as it does not change', async () => {
    server.log.lines.length = 0;
    await look();
    expect(server.log.lines).toEqual([]);
  });
});

describe('a client certificate', () => {
  it('is taken when it is replaced, refused when its key is another’s or it has expired; its end is known', async () => {
    const gateways = await startGateways();
    const folder = mkdtempSync(join(tmpdir(), 'spns-certificate-'));
    const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const write = ({ cert, key }: { cert: string; key: string }) => {
      writeFileSync(certFile, cert);
      writeFileSync(keyFile, key);
    };
    const { authority } = gateways.credentials;
    const ending = (days: number) => authority.issueApnsClient({ notAfter: new Date(Date.now() + days * DAY_MS) });
    write(await ending(20));
    const server = await TestServer.start({
      database: `sqlite:${join(folder, 'certificate.sqlite')}`,
      gateways,
      env: {
        APNS_TOKEN_KEY_FILE: '',
        APNS_TOKEN_KEY_ID: '',
        APNS_TOKEN_TEAM_ID: '',
        APNS_CERT_FILE: certFile,
        APNS_CERT_KEY_FILE: keyFile,
      },
    });
    try {
      const look = () => server.app.get(CredentialWatcher).reloadChanged();
      const endsIn = () => {
        const [apns] = server.app.get(DeliveryStatus).providers();
        return Math.round(((apns?.credentialEndsAt ?? 0) - Date.now()) / DAY_MS);
      };
      const delivers = async () => {
        const phone = await newPhone(server, 'apns');
        await arrival(gateways, phone, await push(server, phone));
      };
      await delivers();
      expect(endsIn()).toBe(20);
      expect(server.log.find('the certificate expires soon, replace its file')).toHaveLength(1);

      write(await ending(300));
      const connections = gateways.apns.counts.connections;
      await look();
      await delivers();
      expect(endsIn()).toBe(300);
      expect(gateways.apns.counts.connections).toBe(connections + 1);

      for (const [bad, why] of [
        [{ ...(await ending(300)), key: (await ending(300)).key }, 'does not belong to the certificate'],
        [
          await authority.issueApnsClient({ notBefore: new Date(0), notAfter: new Date(DAY_MS) }),
          'expired on 1970-01-02',
        ],
      ] as const) {
        write(bad);
        await look();
        expect(server.log.find(why)).toHaveLength(1);
        await delivers();
        expect(endsIn()).toBe(300);
      }
    } finally {
      await server.close();
      await gateways.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('a client certificate that expired while the server was down', () => {
  it('stops APNs only, until it is replaced, and is told about', async () => {
    const gateways = await startGateways();
    const hook = await AlertHook.start();
    const folder = mkdtempSync(join(tmpdir(), 'spns-certificate-'));
    const file = join(folder, 'both.pem');
    const { authority } = gateways.credentials;
    const write = ({ cert, key }: { cert: string; key: string }) => writeFileSync(file, `${cert}\n${key}`);
    write(await authority.issueApnsClient({ notBefore: new Date(0), notAfter: new Date(DAY_MS) }));
    const server = await TestServer.start({
      database: `sqlite:${join(folder, 'expired.sqlite')}`,
      gateways,
      env: {
        ALERT_WEBHOOK_URL: hook.url,
        APNS_TOKEN_KEY_FILE: '',
        APNS_TOKEN_KEY_ID: '',
        APNS_TOKEN_TEAM_ID: '',
        APNS_CERT_FILE: file,
      },
    });
    try {
      const [iphone, android] = [await newPhone(server, 'apns'), await newPhone(server, 'fcm')];
      const data = await push(server, iphone);
      await arrival(gateways, android, await push(server, android));
      await hook.waitFor(2);
      expect(new Set(hook.messages.map(({ kind }) => kind))).toEqual(
        new Set(['certificate-expires', 'provider-unhealthy']),
      );
      expect(hook.messages.map(({ text }) => text).join(' ')).toContain('expired on 1970-01-02: replace its file');
      expect(hook.messages.map(({ text }) => text).join(' ')).toContain('replace the certificate in APNS_CERT_FILE');
      expect(gateways.apns.received).toEqual([]);
      write(await authority.issueApnsClient());
      await server.app.get(CredentialWatcher).reloadChanged();
      await arrival(gateways, iphone, data, 20_000);
    } finally {
      await server.close();
      await hook.close();
      await gateways.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('SIGHUP', () => {
  it('makes the server read all credentials again at once', async () => {
    const gateways = await startGateways();
    try {
      await inFolder(async (folder) => {
        const keyFile = join(folder, 'key.p8');
        cpSync(gateways.files.apnsTokenKeyFile, keyFile);
        const server = await spawnServer(
          { ...gateways.environment, APNS_TOKEN_KEY_FILE: keyFile, DATABASE_URL: 'sqlite:hangup.sqlite' },
          folder,
        );
        const { teamId, keyId } = gateways.credentials.apnsTokenKey;
        const key = makeApnsTokenKey(teamId, keyId);
        gateways.apns.trustTokenKey(key);
        writeFileSync(keyFile, key.privateKey);
        server.process.child.kill('SIGHUP');
        await server.process.waitForLine(TAKEN);
        const [id, token] = [newId(), newIosToken()];
        await server.onion.send('register', { pubKey: id, token });
        await server.onion.send('notify', { send_to: id, data: newData() });
        await gateways.apns.waitForPush(1);
        expect(gateways.apns.counts.outcomes).toEqual({ '200': 1 });
        expect((await server.process.stop()).code).toBe(0);
      });
    } finally {
      await gateways.close();
    }
  });
});
