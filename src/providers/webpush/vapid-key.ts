import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { CLI } from '../../config/cli-name.js';
import { createKeyFile } from '../../common/start/key-file.js';
import { CredentialFile } from '../../common/start/credential-file.js';

const VARIABLE = 'VAPID_KEY_FILE';

/** Who we are towards push servers (RFC 8292). Both in base64url, as apps and libraries want them. */
export interface VapidKey {
  /** Uncompressed point, 65 bytes: the `applicationServerKey` of apps. */
  readonly publicKey: string;
  /** 32 bytes. */
  readonly privateKey: string;
}

/**
 * Reads the P-256 key, PEM of PKCS#8 or SEC 1.
 *
 * @throws {CredentialError} when it is not one
 */
export function readVapidKey(path: string): VapidKey {
  const file = new CredentialFile(VARIABLE, path);
  const key = parse(file.text());
  if (!key) throw file.error(`is not a private key in PEM form (${CLI} keygen --vapid makes one)`);
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw file.error('must hold an EC key on the curve P-256');
  }
  return toVapidKey(key);
}

/** Makes the key file, readable by its owner alone, and returns its key. A file that exists stays as it is. */
export function makeVapidKey(file: string): VapidKey {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  createKeyFile({ path: file, variable: VARIABLE, keyName: 'VAPID key' }, pem);
  return toVapidKey(privateKey);
}

function parse(pem: string): KeyObject | null {
  try {
    return createPrivateKey(pem);
  } catch {
    return null;
  }
}

function toVapidKey(key: KeyObject): VapidKey {
  const { d = '', x = '', y = '' } = key.export({ format: 'jwk' });
  const point = Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
  return { publicKey: point.toString('base64url'), privateKey: d };
}
