import { createPrivateKey, createPublicKey, createSign, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Credentials,
  makeCredentials,
  makeServiceAccount,
  serviceAccountJson,
  writeCredentials,
} from './certificates.js';

describe('credentials', () => {
  let credentials: Credentials;
  let dir: string;
  beforeAll(async () => {
    credentials = await makeCredentials();
    dir = mkdtempSync(join(tmpdir(), 'gateways-spec-'));
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  it('makes a server certificate for localhost and 127.0.0.1 that its authority signed', () => {
    const ca = new X509Certificate(credentials.authority.cert);
    const server = new X509Certificate(credentials.server.cert);
    expect(server.verify(ca.publicKey)).toBe(true);
    expect(server.checkHost('localhost')).toBe('localhost');
    expect(server.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(server.checkPrivateKey(createPrivateKey(credentials.server.key))).toBe(true);
  });

  it('makes client certificates with the validity that is asked for', async () => {
    const [notBefore, notAfter] = [new Date('2020-01-01T00:00:00Z'), new Date('2020-02-01T00:00:00Z')];
    const old = await credentials.authority.issueApnsClient({ notBefore, notAfter, topic: 'org.example.app' });
    const parsed = new X509Certificate(old.cert);
    expect(new Date(parsed.validTo)).toEqual(notAfter);
    expect(parsed.subject).toContain('UID=org.example.app');
  });

  it('writes files that only their owner can read', () => {
    const files = writeCredentials(join(dir, 'new'), credentials, 'https://localhost:1/token');
    const paths = [
      files.caFile,
      files.apnsCertFile,
      files.apnsCertKeyFile,
      files.apnsTokenKeyFile,
      files.serviceAccountFile,
    ];
    expect(paths.map((path) => statSync(path).mode & 0o777)).toEqual(paths.map(() => 0o600));
    expect(createPrivateKey(readFileSync(files.apnsTokenKeyFile)).asymmetricKeyDetails).toEqual({
      namedCurve: 'prime256v1',
    });
    const account = JSON.parse(readFileSync(files.serviceAccountFile, 'utf8')) as Record<string, string>;
    expect(account).toMatchObject({ type: 'service_account', token_uri: 'https://localhost:1/token' });
    expect(() => createSign('sha256').update('x').sign(String(account['private_key']))).not.toThrow();
  });

  it('makes a service account whose file holds the key that the gateway knows', () => {
    const account = makeServiceAccount('another-project');
    const file = JSON.parse(serviceAccountJson(account, 'https://localhost:1/token')) as Record<string, string>;
    expect(file).toMatchObject({ project_id: 'another-project', private_key_id: account.privateKeyId });
    const publicKey = createPublicKey(String(file['private_key'])).export({ type: 'spki', format: 'pem' });
    expect(publicKey).toBe(account.publicKey);
  });
});
