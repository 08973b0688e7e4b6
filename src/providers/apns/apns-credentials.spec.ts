import { createPrivateKey, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Authority, type Identity, makeApnsTokenKey, makeAuthority } from '../../../gateways/certificates.js';
import { readApnsCredentials, requireUnexpired } from './apns-credentials.js';

const DAY = 86_400_000;
const dir = mkdtempSync(join(tmpdir(), 'apns-credentials-'));
let authority: Authority;
let identity: Identity;

beforeAll(async () => {
  authority = await makeAuthority();
  identity = await authority.issueApnsClient();
});
afterAll(() => rmSync(dir, { recursive: true }));

let files = 0;
function file(content: string | Buffer): string {
  const path = join(dir, `file-${++files}`);
  writeFileSync(path, content);
  return path;
}

function certificate(cert: string | Buffer, key: string | Buffer | null, passphrase: string | null = null) {
  const auth = {
    kind: 'certificate' as const,
    certFile: file(cert),
    keyFile: key === null ? null : file(key),
    passphrase,
  };
  return readApnsCredentials(auth, Date.now);
}

const tokenKey = (pem: string | Buffer) =>
  readApnsCredentials({ kind: 'token', keyFile: file(pem), keyId: 'KEYID12345', teamId: 'TEAMID1234' }, Date.now);

const encrypted = (pem: string, passphrase: string) =>
  createPrivateKey(pem).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase }).toString();

/** The part of node-forge that makes .p12 files; it comes with @parse/node-apn, and Node itself makes none. */
interface Forge {
  pki: {
    privateKeyFromPem(pem: string): { n: unknown; e: unknown };
    setRsaPublicKey(n: unknown, e: unknown): unknown;
    createCertificate(): {
      publicKey: unknown;
      validity: { notBefore: Date; notAfter: Date };
      setSubject(names: object[]): void;
      setIssuer(names: object[]): void;
      sign(key: unknown, digest: unknown): void;
    };
  };
  md: { sha256: { create(): unknown } };
  pkcs12: { toPkcs12Asn1(key: unknown, certificates: unknown[], passphrase: string, options: object): unknown };
  asn1: { toDer(value: unknown): { getBytes(): string } };
}

const require = createRequire(import.meta.url);
const forge = createRequire(require.resolve('@parse/node-apn'))('node-forge') as Forge;

/** `algorithm`: `3des` is what the Keychain of today writes, `des` is older than what OpenSSL 3 takes. */
function makePkcs12({ lifeMs = DAY, algorithm = '3des' } = {}): { pfx: Buffer; notAfter: number } {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = forge.pki.privateKeyFromPem(privateKey.export({ type: 'pkcs1', format: 'pem' }).toString());
  const certificate = forge.pki.createCertificate();
  const notAfter = Date.now() + lifeMs;
  certificate.publicKey = forge.pki.setRsaPublicKey(key.n, key.e);
  certificate.validity = { notBefore: new Date(Date.now() - 10 * DAY), notAfter: new Date(notAfter) };
  certificate.setSubject([{ name: 'commonName', value: 'Apple Push Services' }]);
  certificate.setIssuer([{ name: 'commonName', value: 'Apple Push Services' }]);
  certificate.sign(key, forge.md.sha256.create());
  const der = forge.asn1.toDer(forge.pkcs12.toPkcs12Asn1(key, [certificate], 'secret', { algorithm })).getBytes();
  return { pfx: Buffer.from(der, 'binary'), notAfter };
}

const wrong = (variable: string, words: string) => new RegExp(`^${variable} .*${words}`);

const SAVED_BY_EDITORS: [string, (text: string) => string | Buffer][] = [
  ['with a byte order mark', (text) => `\uFEFF${text}`],
  ['with line ends of Windows', (text) => text.replaceAll('\n', '\r\n')],
  ['with blanks at its line ends', (text) => text.replaceAll('\n', ' \n')],
  ['in UTF-16', (text) => Buffer.from(`\uFEFF${text}`, 'utf16le')],
];

describe('an APNs certificate', () => {
  it('is used with its key and known to end', async () => {
    const { tls, token, expiresAt } = await certificate(identity.cert, identity.key);
    expect(token).toBeNull();
    expect(() => createSecureContext(tls)).not.toThrow();
    expect(Math.abs((expiresAt ?? 0) - (Date.now() + 30 * DAY))).toBeLessThan(DAY);
  });

  it('may share its file with the key, in either order', async () => {
    for (const both of [
      [identity.cert, identity.key],
      [identity.key, identity.cert],
    ]) {
      const { tls } = await certificate(both.join('\n'), null);
      expect(() => createSecureContext(tls)).not.toThrow();
    }
  });

  it('may have a key that a passphrase opens', async () => {
    const key = encrypted(identity.key, 'secret');
    const { tls } = await certificate(identity.cert, key, 'secret');
    expect(() => createSecureContext(tls)).not.toThrow();
    await expect(certificate(identity.cert, key, 'guess')).rejects.toThrow(
      wrong('APNS_CERT_KEY_FILE', 'APNS_CERT_PASSPHRASE does not open'),
    );
    await expect(certificate(identity.cert, key)).rejects.toThrow(
      wrong('APNS_CERT_KEY_FILE', 'APNS_CERT_PASSPHRASE does not open'),
    );
  });

  it('is refused with another key', async () => {
    const other = await authority.issueApnsClient();
    await expect(certificate(identity.cert, other.key)).rejects.toThrow(
      wrong('APNS_CERT_KEY_FILE', 'does not belong to the certificate'),
    );
  });

  it('is taken after its end, for the sake of the other providers, but not in the place of another', async () => {
    const old = await authority.issueApnsClient({ notBefore: new Date(0), notAfter: new Date(Date.UTC(2020, 4, 6)) });
    const credentials = await certificate(old.cert, old.key);
    const auth = { kind: 'certificate' as const, certFile: 'old.pem', keyFile: null, passphrase: null };
    expect(credentials.expiresAt).toBe(Date.UTC(2020, 4, 6));
    expect(() => requireUnexpired(credentials, auth, Date.now())).toThrow(
      wrong('APNS_CERT_FILE', 'expired on 2020-05-06'),
    );
    expect(() => requireUnexpired(credentials, auth, Date.UTC(2020, 4, 5))).not.toThrow();
  });

  it('is refused before its beginning', async () => {
    const next = await authority.issueApnsClient({ notBefore: new Date(Date.now() + DAY) });
    await expect(certificate(next.cert, next.key)).rejects.toThrow(wrong('APNS_CERT_FILE', 'not valid before'));
  });

  it('is refused when a file cannot be read or holds something else', async () => {
    const missing = { kind: 'certificate' as const, certFile: join(dir, 'none'), keyFile: null, passphrase: null };
    await expect(readApnsCredentials(missing, Date.now)).rejects.toThrow(wrong('APNS_CERT_FILE', 'cannot be read'));
    await expect(certificate(identity.key, identity.key)).rejects.toThrow(wrong('APNS_CERT_FILE', 'certificate'));
    await expect(certificate(identity.cert, identity.cert)).rejects.toThrow(wrong('APNS_CERT_KEY_FILE', 'private key'));
    await expect(certificate(identity.cert, null)).rejects.toThrow(wrong('APNS_CERT_FILE', 'private key'));
    await expect(certificate('hello', null)).rejects.toThrow(wrong('APNS_CERT_FILE', 'neither PEM nor a .p12'));
  });

  it.each(SAVED_BY_EDITORS)('and its key may be saved %s', async (_how, saved) => {
    const { tls } = await certificate(saved(identity.cert), saved(identity.key));
    expect(() => createSecureContext(tls)).not.toThrow();
  });

  it('may be a .p12 file', async () => {
    const { pfx, notAfter } = makePkcs12();
    const { tls, expiresAt } = await certificate(pfx, null, 'secret');
    expect(() => createSecureContext(tls)).not.toThrow();
    expect(expiresAt).toBe(Math.floor(notAfter / 1000) * 1000);
    await expect(certificate(pfx, null, 'guess')).rejects.toThrow(
      wrong('APNS_CERT_FILE', 'APNS_CERT_PASSPHRASE does not open'),
    );
  });

  it('is refused as a .p12 file with a key that is not RSA, and told how to be converted', async () => {
    const [cert, key, pfx] = [file(identity.cert), file(identity.key), join(dir, 'ec.p12')];
    execFileSync('openssl', ['pkcs12', '-export', '-in', cert, '-inkey', key, '-out', pfx, '-passout', 'pass:secret']);
    await expect(certificate(readFileSync(pfx), null, 'secret')).rejects.toThrow(
      wrong('APNS_CERT_FILE', 'key that is not RSA; convert it with: openssl pkcs12 -nodes'),
    );
  });

  it('is refused as a .p12 file whose encryption OpenSSL no longer takes', async () => {
    await expect(certificate(makePkcs12({ algorithm: 'des' }).pfx, null, 'secret')).rejects.toThrow(
      wrong('APNS_CERT_FILE', 'OpenSSL 3 refuses.*openssl pkcs12 -legacy'),
    );
  });

  it('never shows up in the sentence about it', async () => {
    const error: unknown = await certificate(identity.cert, 'SECRET-MATERIAL', 'SECRET-PASSPHRASE').catch(
      (e: unknown) => e,
    );
    expect(String(error)).not.toMatch(/SECRET/);
  });
});

describe('an APNs token key', () => {
  it('signs JWTs that APNs can verify', async () => {
    const made = makeApnsTokenKey();
    const { token, tls, expiresAt } = await tokenKey(made.privateKey);
    const [header = '', claims = '', signature = ''] = token?.current().split('.') ?? [];
    const json = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());
    expect(json(header)).toMatchObject({ alg: 'ES256', kid: 'KEYID12345' });
    expect(json(claims)).toEqual({ iss: 'TEAMID1234', iat: expect.closeTo(Date.now() / 1000, -1) as number });
    const key = { key: createPublicKey(made.publicKey), dsaEncoding: 'ieee-p1363' as const };
    expect(verify('sha256', Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, 'base64url'))).toBe(true);
    expect([tls, expiresAt]).toEqual([{}, null]);
  });

  it.each(SAVED_BY_EDITORS)('may be saved %s', async (_how, saved) => {
    const made = makeApnsTokenKey();
    const { token } = await tokenKey(saved(made.privateKey));
    const [header, claims, signature = ''] = token?.current().split('.') ?? [];
    const key = { key: createPublicKey(made.publicKey), dsaEncoding: 'ieee-p1363' as const };
    expect(verify('sha256', Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, 'base64url'))).toBe(true);
  });

  it('is refused in quotes, by its whole path', async () => {
    const { privateKey } = makeApnsTokenKey();
    await expect(tokenKey(JSON.stringify(privateKey))).rejects.toThrow(
      /^APNS_TOKEN_KEY_FILE \(\/.*file-\d+\) is not a private key in PEM form/,
    );
  });

  it('is refused when it is not one', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
    for (const key of [rsa, p384]) {
      const pem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
      await expect(tokenKey(pem)).rejects.toThrow(wrong('APNS_TOKEN_KEY_FILE', 'P-256'));
    }
    await expect(tokenKey('hello')).rejects.toThrow(wrong('APNS_TOKEN_KEY_FILE', 'is not a private key'));
    const missing = { kind: 'token' as const, keyFile: join(dir, 'none'), keyId: 'A', teamId: 'B' };
    await expect(readApnsCredentials(missing, Date.now)).rejects.toThrow(
      wrong('APNS_TOKEN_KEY_FILE', 'cannot be read'),
    );
  });
});
