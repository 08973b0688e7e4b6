import 'reflect-metadata';
import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  KeyObject,
  randomBytes,
  randomUUID,
  webcrypto,
} from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;
/** The attribute of an APNs client certificate's subject that holds the app's topic. */
const UID = '0.9.2342.19200300.100.1.1';

export const DEFAULT_TOPIC = 'com.loki-project.loki-messenger';

/** A certificate with its private key, both PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

export interface Validity {
  notBefore?: Date;
  notAfter?: Date;
}

/** A certificate authority. Its own key is told so that a later run can go on with it. */
export interface Authority extends Identity {
  issueServer(options?: Validity & { names?: readonly string[] }): Promise<Identity>;
  /** A certificate as Apple gives to providers: its subject's UID is the topic. */
  issueApnsClient(options?: Validity & { topic?: string }): Promise<Identity>;
}

/** A .p8 key as Apple gives it, with the half that the gateway keeps. */
export interface ApnsTokenKey {
  readonly keyId: string;
  readonly teamId: string;
  readonly privateKey: string;
  readonly publicKey: string;
}

/** The key by which push servers know the sender (RFC 8292). */
export interface VapidKeyPair {
  readonly privateKey: string;
  /** Base64url, as apps want it. */
  readonly applicationServerKey: string;
}

export interface GoogleServiceAccount {
  readonly projectId: string;
  readonly clientEmail: string;
  readonly privateKeyId: string;
  readonly privateKey: string;
  readonly publicKey: string;
}

/** Everything that the stand-ins and the server that pushes to them have to agree on. */
export interface Credentials {
  readonly authority: Authority;
  readonly server: Identity;
  readonly apnsClient: Identity;
  readonly apnsTokenKey: ApnsTokenKey;
  readonly serviceAccount: GoogleServiceAccount;
  readonly huaweiAppId: string;
  readonly huaweiAppSecret: string;
  readonly vapidKey: VapidKeyPair;
}

export interface CredentialFiles {
  readonly caFile: string;
  readonly apnsCertFile: string;
  readonly apnsCertKeyFile: string;
  readonly apnsTokenKeyFile: string;
  readonly keyId: string;
  readonly teamId: string;
  readonly serviceAccountFile: string;
  readonly huaweiAppId: string;
  readonly huaweiAppSecret: string;
  readonly vapidKeyFile: string;
}

export async function makeAuthority(name = 'Stand-in push gateways CA', span: Validity = {}): Promise<Authority> {
  const keys = await makeKeys();
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=${name} ${randomBytes(4).toString('hex')}`,
    ...validity(span),
    signingAlgorithm: EC,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return authorityOf({ cert: ca.toString('pem'), key: privatePem(KeyObject.from(keys.privateKey)) });
}

/** The authority that these were made for. */
export function authorityOf({ cert, key }: Identity): Authority {
  const ca = new x509.X509Certificate(cert);
  const pkcs8 = createPrivateKey(key).export({ type: 'pkcs8', format: 'der' });

  const issue = async (subject: string, span: Validity, extensions: x509.Extension[]): Promise<Identity> => {
    const signingKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, EC, false, ['sign']);
    const leaf = await makeKeys();
    const issued = await x509.X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject,
      issuer: ca.subject,
      ...validity(span),
      signingAlgorithm: EC,
      publicKey: leaf.publicKey,
      signingKey,
      extensions: [
        new x509.BasicConstraintsExtension(false),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        ...extensions,
      ],
    });
    return { cert: issued.toString('pem'), key: privatePem(KeyObject.from(leaf.privateKey)) };
  };

  return {
    cert,
    key,
    issueServer: ({ names = ['localhost', '127.0.0.1'], ...span } = {}) =>
      issue(`CN=${names[0]}`, span, [
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(
          names.map((value) => ({ type: /^[\d.]+$/.test(value) ? ('ip' as const) : ('dns' as const), value })),
        ),
      ]),
    issueApnsClient: ({ topic = DEFAULT_TOPIC, ...span } = {}) =>
      issue(`CN=Apple Push Services: ${topic}, ${UID}=${topic}`, span, [
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
      ]),
  };
}

export function makeApnsTokenKey(teamId = identifier(), keyId = identifier()): ApnsTokenKey {
  return { keyId, teamId, ...keyPairPem(generateKeyPairSync('ec', { namedCurve: 'P-256' })) };
}

export function makeVapidKey(): VapidKeyPair {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = privateKey.export({ format: 'jwk' });
  const point = [Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')];
  return { privateKey: privatePem(privateKey), applicationServerKey: Buffer.concat(point).toString('base64url') };
}

export function makeServiceAccount(projectId = 'stand-in-project'): GoogleServiceAccount {
  return {
    projectId,
    clientEmail: `push-server@${projectId}.iam.gserviceaccount.com`,
    privateKeyId: randomBytes(20).toString('hex'),
    ...keyPairPem(generateKeyPairSync('rsa', { modulusLength: 2048 })),
  };
}

/** The JSON file that Google's console hands out, pointing at another token endpoint. */
export function serviceAccountJson(account: GoogleServiceAccount, tokenUri: string): string {
  const fields = {
    type: 'service_account',
    project_id: account.projectId,
    private_key_id: account.privateKeyId,
    private_key: account.privateKey,
    client_email: account.clientEmail,
    client_id: '100000000000000000000',
    auth_uri: 'https://accounts.google.com/o/oauth2/auth',
    token_uri: tokenUri,
    universe_domain: 'googleapis.com',
  };
  return `${JSON.stringify(fields, null, 2)}\n`;
}

export async function makeCredentials(
  options: { topic?: string; projectId?: string; span?: Validity } = {},
): Promise<Credentials> {
  const { topic, span } = options;
  const authority = await makeAuthority(undefined, span);
  return {
    authority,
    server: await authority.issueServer(span),
    apnsClient: await authority.issueApnsClient({ topic, ...span }),
    apnsTokenKey: makeApnsTokenKey(),
    serviceAccount: makeServiceAccount(options.projectId),
    huaweiAppId: String(100_000_000 + (randomBytes(4).readUInt32BE() % 900_000_000)),
    huaweiAppSecret: createHash('sha256').update(randomUUID()).digest('hex'),
    vapidKey: makeVapidKey(),
  };
}

/** Writes what the pushing server needs into `dir` (made when absent), readable by its owner only; each file ends with a newline. */
export function writeCredentials(dir: string, credentials: Credentials, tokenUri: string): CredentialFiles {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const write = (name: string, content: string): string => {
    const file = join(dir, name);
    writeFileSync(file, content.endsWith('\n') ? content : `${content}\n`, { mode: 0o600 });
    return file;
  };
  const { apnsClient, apnsTokenKey } = credentials;
  return {
    caFile: write('ca.pem', credentials.authority.cert),
    apnsCertFile: write('apns-cert.pem', apnsClient.cert),
    apnsCertKeyFile: write('apns-cert-key.pem', apnsClient.key),
    apnsTokenKeyFile: write(`AuthKey_${apnsTokenKey.keyId}.p8`, apnsTokenKey.privateKey),
    keyId: apnsTokenKey.keyId,
    teamId: apnsTokenKey.teamId,
    serviceAccountFile: write('service-account.json', serviceAccountJson(credentials.serviceAccount, tokenUri)),
    huaweiAppId: credentials.huaweiAppId,
    huaweiAppSecret: credentials.huaweiAppSecret,
    vapidKeyFile: write('vapid.pem', credentials.vapidKey.privateKey),
  };
}

function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);
}

function keyPairPem(pair: { privateKey: KeyObject; publicKey: KeyObject }): { privateKey: string; publicKey: string } {
  return {
    privateKey: privatePem(pair.privateKey),
    publicKey: pair.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

function privatePem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function validity({ notBefore, notAfter }: Validity): Required<Validity> {
  const now = Date.now();
  return { notBefore: notBefore ?? new Date(now - DAY_MS), notAfter: notAfter ?? new Date(now + 30 * DAY_MS) };
}

/** Positive, as X.509 wants it: the first bit is clear and the first byte is not zero. */
function serialNumber(): string {
  return `40${randomBytes(15).toString('hex')}`;
}

/** Ten characters, like Apple's key and team identifiers. */
function identifier(): string {
  return randomBytes(5).toString('hex').toUpperCase();
}
