import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { type ApnsConfig } from '../../config/app-config.js';
import { ApnsProviderToken } from './apns-provider-token.js';
import { CredentialFile } from '../../common/start/credential-file.js';

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
 * Reads and checks the credential. A certificate that has expired is taken: Apple will refuse it, the other providers go on.
 *
 * @param now UTC epoch milliseconds
 * @throws {CredentialError} with a sentence that names the variable to look at
 */
export function readApnsCredentials(auth: Auth, now: () => number): Promise<ApnsCredentials> {
  return auth.kind === 'token' ? readTokenKey(auth, now) : readCertificate(auth, now());
}

/** @throws {CredentialError} when it has expired: the one that is in use may be better */
export function requireUnexpired({ expiresAt }: ApnsCredentials, auth: Auth, now: number): void {
  if (auth.kind === 'certificate' && expiresAt !== null && expiresAt <= now) {
    throw certificateFile(auth).error(`holds a certificate that expired on ${day(new Date(expiresAt))}`);
  }
}

const certificateFile = ({ certFile }: CertificateAuth): CredentialFile =>
  new CredentialFile('APNS_CERT_FILE', certFile);

async function readTokenKey(auth: TokenAuth, now: () => number): Promise<ApnsCredentials> {
  const file = new CredentialFile('APNS_TOKEN_KEY_FILE', auth.keyFile);
  const pem = file.text();
  const key = parseKey(pem, null);
  if (!key) throw file.error('is not a private key in PEM form, as Apple gives it (.p8)');
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw file.error('must hold an EC key on the curve P-256');
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
  const file = certificateFile(auth);
  const keyFile = auth.keyFile === null ? file : new CredentialFile('APNS_CERT_KEY_FILE', auth.keyFile);
  const certificate = file.bytes();
  const { tls, notBefore, notAfter } = isDer(certificate)
    ? await checkPkcs12(file, certificate, auth.passphrase)
    : checkPem(file, keyFile, auth.passphrase);
  if (notBefore.getTime() > now) throw file.error(`holds a certificate that is not valid before ${day(notBefore)}`);
  const fingerprint = [certificate, keyFile.bytes()].map((bytes) => bytes.toString('base64')).join(' ');
  return { tls, token: null, expiresAt: notAfter.getTime(), fingerprint };
}

/** A .p12 file is one SEQUENCE (X.690 §8.9), and no text begins so: `0` and a length of more than one byte. */
const isDer = (bytes: Buffer): boolean => bytes[0] === 0x30 && (bytes[1] ?? 0) >= 0x80;

interface CheckedCertificate {
  tls: SecureContextOptions;
  notBefore: Date;
  notAfter: Date;
}

/** With Node's own parser: the library's knows RSA only. */
function checkPem(file: CredentialFile, keyFile: CredentialFile, passphrase: string | null): CheckedCertificate {
  const cert = file.text();
  if (!cert.includes('-----BEGIN ')) throw file.error('is neither PEM nor a .p12 file');
  const certificate = parseCertificate(cert);
  if (!certificate) throw file.error('does not hold a certificate that can be read');
  const keyPem = keyFile.text();
  const key = parseKey(keyPem, passphrase);
  if (!key) {
    const why = keyPem.includes('ENCRYPTED')
      ? 'holds a private key that APNS_CERT_PASSPHRASE does not open'
      : 'does not hold a private key that can be read';
    throw keyFile.error(why);
  }
  if (!certificate.checkPrivateKey(key)) {
    throw keyFile.error('holds a private key that does not belong to the certificate');
  }
  // The key goes on in the form that was checked, so the passphrase is needed no more.
  const tls = { cert, key: key.export({ type: 'pkcs8', format: 'pem' }) };
  return { tls, notBefore: new Date(certificate.validFrom), notAfter: new Date(certificate.validTo) };
}

/** A .p12 as the Keychain exports it. The library reads what is inside, OpenSSL uses it. */
async function checkPkcs12(file: CredentialFile, pfx: Buffer, given: string | null): Promise<CheckedCertificate> {
  const { default: parsePkcs12 } = await import('@parse/node-apn/lib/credentials/certificate/parsePkcs12.js');
  const passphrase = given ?? undefined;
  let parsed: ReturnType<typeof parsePkcs12>;
  try {
    parsed = parsePkcs12(pfx, passphrase);
  } catch (error) {
    const wrongPassphrase = error instanceof Error && error.message.includes('passphrase');
    if (!wrongPassphrase && isUsable({ pfx, passphrase })) {
      const convert = 'convert it with: openssl pkcs12 -nodes -in file.p12 -out file.pem';
      throw file.error(`is a .p12 file with a key that is not RSA; ${convert}`);
    }
    throw file.error(
      wrongPassphrase ? 'is a .p12 file that APNS_CERT_PASSPHRASE does not open' : 'is neither PEM nor a .p12 file',
    );
  }
  const [certificate] = parsed.certificates;
  if (!certificate || !parsed.key) throw file.error('is a .p12 file without a certificate and its key');
  const ownKey = parsed.key.fingerprint();
  const own = parsed.certificates.find((candidate) => candidate.key().fingerprint() === ownKey);
  if (!own) throw file.error('holds a private key that does not belong to the certificate');
  const tls = { pfx, passphrase };
  if (!isUsable(tls)) {
    const convert = 'convert it with: openssl pkcs12 -legacy -nodes -in file.p12 -out file.pem';
    throw file.error(`is a .p12 file with an encryption that OpenSSL 3 refuses; ${convert}`);
  }
  return { tls, ...own.validity() };
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
