import { generateKeyPairSync, verify } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GoogleServiceAccount, makeServiceAccount, serviceAccountJson } from '../../../gateways/certificates.js';
import { CredentialError } from '../../common/start/credential-file.js';
import { jwtBearerForm, readServiceAccount, type ServiceAccount } from './fcm-credentials.js';

const TOKEN_URI = 'https://oauth2.googleapis.com/token';
const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

let account: GoogleServiceAccount;
beforeAll(() => {
  account = makeServiceAccount('a-project');
});

const dir = mkdtempSync(join(tmpdir(), 'fcm-'));
afterAll(() => rmSync(dir, { recursive: true }));

function readAccount(content: string | Buffer): Promise<ServiceAccount> {
  const file = join(dir, 'account.json');
  writeFileSync(file, content);
  return readServiceAccount(file);
}

/** Google's file with some fields replaced; undefined takes a field away. */
function fileWith(fields: Record<string, unknown> = {}): string {
  return JSON.stringify({ ...JSON.parse(serviceAccountJson(account, TOKEN_URI)), ...fields });
}

describe('readServiceAccount', () => {
  it("reads Google's file", async () => {
    expect(await readAccount(fileWith())).toMatchObject({
      projectId: 'a-project',
      clientEmail: account.clientEmail,
      privateKeyId: account.privateKeyId,
      tokenUri: TOKEN_URI,
    });
  });

  it('honours another token_uri', async () => {
    const { tokenUri } = await readAccount(fileWith({ token_uri: 'https://localhost:8443/token' }));
    expect(tokenUri).toBe('https://localhost:8443/token');
  });

  it("takes Google's token_uri when the file has none, and signs without a key id when it has none", async () => {
    const parsed = await readAccount(fileWith({ token_uri: undefined, private_key_id: undefined }));
    expect(parsed).toMatchObject({ tokenUri: TOKEN_URI, privateKeyId: undefined });
  });

  it('reads what PowerShell and Notepad made of it', async () => {
    const text = fileWith().replaceAll('\n', '\r\n');
    for (const content of [`\uFEFF${text}`, Buffer.from(`\uFEFF${text}`, 'utf16le')]) {
      expect((await readAccount(content)).projectId).toBe('a-project');
    }
  });

  it('refuses a file that cannot be read, and one that is no text', async () => {
    await expect(readServiceAccount(join(dir, 'none'))).rejects.toThrow(
      `FCM_SERVICE_ACCOUNT_FILE (${join(dir, 'none')}) cannot be read: there is no such file`,
    );
    await expect(readAccount(Buffer.from(fileWith(), 'utf16le'))).rejects.toThrow('holds bytes of zero');
  });

  const ecKey = () =>
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });

  it.each<[string, () => string, RegExp]>([
    ['text that is not JSON', () => '-----BEGIN PRIVATE KEY-----', /is not a JSON object$/],
    ['a list', () => '[]', /is not a JSON object$/],
    ['a file without project_id', () => fileWith({ project_id: undefined }), /"project_id" property/],
    ['an empty project_id', () => fileWith({ project_id: '' }), /"project_id" property/],
    ['a file without client_email', () => fileWith({ client_email: undefined }), /"client_email" property/],
    ['a client_email that is no text', () => fileWith({ client_email: 7 }), /"client_email" property/],
    ['a file without private_key', () => fileWith({ private_key: undefined }), /"private_key" property/],
    ['a key that cannot be read', () => fileWith({ private_key: 'secret' }), /Failed to parse private key\.$/],
    ['a key that is not RSA', () => fileWith({ private_key: ecKey() }), /must hold an RSA private_key$/],
    ['a token_uri without TLS', () => fileWith({ token_uri: 'http://localhost/token' }), /https address as token_uri$/],
    ['a token_uri that is no address', () => fileWith({ token_uri: 'token' }), /https address as token_uri$/],
    ['names of another spelling', () => fileWith({ project_id: undefined, projectId: 'p' }), /as strings$/],
  ])('refuses %s in one sentence that quotes nothing of the file', async (_name, text, message) => {
    const error: unknown = await readAccount(text()).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CredentialError);
    const { message: sentence, cause } = error as CredentialError;
    expect(sentence).toMatch(/^FCM_SERVICE_ACCOUNT_FILE \(\/.*\.json\) /);
    expect(sentence).toMatch(message);
    expect(sentence).not.toMatch(/secret|BEGIN|a-project|gserviceaccount/);
    expect(cause).toBeUndefined();
  });
});

describe('jwtBearerForm', () => {
  const decode = (part: string | undefined): unknown => JSON.parse(Buffer.from(part ?? '', 'base64url').toString());

  it('is an assertion for the token endpoint, signed with RS256, good for an hour', async () => {
    const form = new URLSearchParams(jwtBearerForm(await readAccount(fileWith()), NOW));
    expect([...form.keys()]).toEqual(['grant_type', 'assertion']);
    expect(form.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer');
    const [header, claims, signature, ...rest] = (form.get('assertion') ?? '').split('.');
    expect(rest).toEqual([]);
    expect(decode(header)).toEqual({ alg: 'RS256', typ: 'JWT', kid: account.privateKeyId });
    expect(decode(claims)).toEqual({
      iss: account.clientEmail,
      scope: 'https://www.googleapis.com/auth/firebase.messaging',
      aud: TOKEN_URI,
      iat: 1_767_323_045,
      exp: 1_767_326_645,
    });
    const signed = Buffer.from(`${header}.${claims}`);
    expect(verify('RSA-SHA256', signed, account.publicKey, Buffer.from(signature ?? '', 'base64url'))).toBe(true);
  });

  it('names no key when the file does not', async () => {
    const form = new URLSearchParams(jwtBearerForm(await readAccount(fileWith({ private_key_id: undefined })), NOW));
    expect(decode(form.get('assertion')?.split('.')[0])).toEqual({ alg: 'RS256', typ: 'JWT' });
  });
});
