import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { type ApnsConfig } from '../../config/app-config.js';
import { ApnsProviderToken } from './apns-provider-token.js';
import { CredentialError } from './credential-error.js';

type Auth = ApnsConfig['auth'];
type CertificateAuth = Extract<Auth, { kind: 'certificate' }>;
type TokenAuth = Extract<Auth, { kind: 'token' }>;

/** Who we are towards APNs. */
export interface ApnsCredentials {
  /** What connections present; empty with token authentication. */
  tls: SecureContextOptions;
  /** null with a certificate. */
  token: ApnsProviderToken | null;
  /** UTC epoch milliseconds; null = not by itself. */
  expiresAt: number | null;
  /** Equal for equal files. A JWT must not be minted anew because somebody touched its key. */
  fingerprint: string;
}

/**
 * Reads and checks the credential.
 *
 * @param now UTC epoch milliseconds
 * @throws {CredentialError} with a sentence that names the variable to look at
 */
export function readApnsCredentials(auth: Auth, now: () => number): Promise<ApnsCredentials> {
  return auth.kind === 'token' ? readTokenKey(auth, now) : readCertificate(auth, now());
}

async function readTokenKey(auth: TokenAuth, now: () => number): Promise<ApnsCredentials> {
  const variable = 'APNS_TOKEN_KEY_FILE';
  const pem = (await read(auth.keyFile, variable)).toString();
  const key = parseKey(pem, null);
  if (!key) throw new CredentialError(variable, 'is not a private key in PEM form, as Apple gives it (.p8)');
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new CredentialError(variable, 'must hold an EC key on the curve P-256');
  }
  // The library signs (ES256 with `kid`, `iss` and `iat`); it mints when it is made and at each regeneration.
  const { default: prepareCredentials } = await import('@parse/node-apn/lib/credentials/index.js');
  const library = prepareCredentials({ logger: () => {} });
  let jwt: ReturnType<typeof library.token> | undefined;
  const mint = (): string => {
    if (jwt) jwt.regenerate(jwt.generation);
    else jwt = library.token({ key: pem, keyId: auth.keyId, teamId: auth.teamId });
    return jwt.current;
  };
  return { tls: {}, token: new ApnsProviderToken(mint, now), expiresAt: null, fingerprint: pem };
}

async function readCertificate(auth: CertificateAuth, now: number): Promise<ApnsCredentials> {
  const certificate = await read(auth.certFile, 'APNS_CERT_FILE');
  const key = auth.keyFile === null ? certificate : await read(auth.keyFile, 'APNS_CERT_KEY_FILE');
  const { tls, notBefore, notAfter } = certificate.includes('-----BEGIN ')
    ? checkPem(certificate.toString(), key.toString(), auth)
    : await checkPkcs12(certificate, auth);
  if (notAfter.getTime() <= now) {
    throw new CredentialError('APNS_CERT_FILE', `holds a certificate that expired on ${day(notAfter)}`);
  }
  if (notBefore.getTime() > now) {
    throw new CredentialError('APNS_CERT_FILE', `holds a certificate that is not valid before ${day(notBefore)}`);
  }
  const fingerprint = [certificate, key].map((bytes) => bytes.toString('base64')).join(' ');
  return { tls, token: null, expiresAt: notAfter.getTime(), fingerprint };
}

interface CheckedCertificate {
  tls: SecureContextOptions;
  notBefore: Date;
  notAfter: Date;
}

/** With Node's own parser: the library's knows RSA only. */
function checkPem(cert: string, keyPem: string, auth: CertificateAuth): CheckedCertificate {
  const keyVariable = auth.keyFile === null ? 'APNS_CERT_FILE' : 'APNS_CERT_KEY_FILE';
  const certificate = parseCertificate(cert);
  if (!certificate) throw new CredentialError('APNS_CERT_FILE', 'does not hold a certificate that can be read');
  const key = parseKey(keyPem, auth.passphrase);
  if (!key) {
    const why = keyPem.includes('ENCRYPTED')
      ? 'holds a private key that APNS_CERT_PASSPHRASE does not open'
      : 'does not hold a private key that can be read';
    throw new CredentialError(keyVariable, why);
  }
  if (!certificate.checkPrivateKey(key)) {
    throw new CredentialError(keyVariable, 'holds a private key that does not belong to the certificate');
  }
  // The key goes on in the form that was checked, so the passphrase is needed no more.
  const tls = { cert, key: key.export({ type: 'pkcs8', format: 'pem' }) };
  return { tls, notBefore: new Date(certificate.validFrom), notAfter: new Date(certificate.validTo) };
}

/** A .p12 as the Keychain exports it. The library reads what is inside, OpenSSL uses it. */
async function checkPkcs12(pfx: Buffer, auth: CertificateAuth): Promise<CheckedCertificate> {
  const { default: parsePkcs12 } = await import('@parse/node-apn/lib/credentials/certificate/parsePkcs12.js');
  const passphrase = auth.passphrase ?? undefined;
  let parsed: ReturnType<typeof parsePkcs12>;
  try {
    parsed = parsePkcs12(pfx, passphrase);
  } catch (error) {
    const wrongPassphrase = error instanceof Error && error.message.includes('passphrase');
    throw new CredentialError(
      'APNS_CERT_FILE',
      wrongPassphrase ? 'is a .p12 file that APNS_CERT_PASSPHRASE does not open' : 'is neither PEM nor a .p12 file',
    );
  }
  const [certificate] = parsed.certificates;
  if (!certificate || !parsed.key) {
    throw new CredentialError('APNS_CERT_FILE', 'is a .p12 file without a certificate and its key');
  }
  const ownKey = parsed.key.fingerprint();
  const own = parsed.certificates.find((candidate) => candidate.key().fingerprint() === ownKey);
  if (!own) throw new CredentialError('APNS_CERT_FILE', 'holds a private key that does not belong to the certificate');
  const tls = { pfx, passphrase };
  if (!isUsable(tls)) {
    const convert = 'convert it with: openssl pkcs12 -legacy -nodes -in file.p12 -out file.pem';
    throw new CredentialError('APNS_CERT_FILE', `is a .p12 file with an encryption that OpenSSL 3 refuses; ${convert}`);
  }
  return { tls, ...own.validity() };
}

async function read(file: string, variable: string): Promise<Buffer> {
  return readFile(file).catch(() => {
    throw new CredentialError(variable, 'cannot be read');
  });
}

function parseCertificate(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    return null;
  }
}

function parseKey(pem: string, passphrase: string | null): KeyObject | null {
  try {
    return createPrivateKey({ key: pem, passphrase: passphrase ?? undefined });
  } catch {
    return null;
  }
}

function isUsable(tls: SecureContextOptions): boolean {
  try {
    createSecureContext(tls);
    return true;
  } catch {
    return false;
  }
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
