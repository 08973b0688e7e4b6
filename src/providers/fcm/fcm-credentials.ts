import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { CredentialFile } from '../../common/start/credential-file.js';
import { parseJsonObject } from '../../encoding/json.js';

const VARIABLE = 'FCM_SERVICE_ACCOUNT_FILE';
const GOOGLE_TOKEN_URI = 'https://oauth2.googleapis.com/token';
const SCOPE = 'https://www.googleapis.com/auth/firebase.messaging';
const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
/** The longest life that Google accepts of an assertion. */
const ASSERTION_LIFETIME_S = 3600;

/** Google's service account, as far as sending messages needs it. */
export interface ServiceAccount {
  projectId: string;
  clientEmail: string;
  /** RSA. */
  privateKey: KeyObject;
  /** Which of the account's keys it is; absent in hand-made files. */
  privateKeyId: string | undefined;
  /** Where tokens are fetched: `https:`. */
  tokenUri: string;
}

/**
 * Reads Google's service account file. firebase-admin decides whether it is one; what it does not look at is checked here:
 * that the key is RSA and that `token_uri`, which it ignores, is an https address.
 *
 * @throws {CredentialError}
 */
export async function readServiceAccount(path: string): Promise<ServiceAccount> {
  const file = new CredentialFile(VARIABLE, path);
  const json = parseJsonObject(file.text());
  if (!json) throw file.error('is not a JSON object');
  await checkWithFirebase(json, file);
  const { project_id: projectId, client_email: clientEmail, private_key: privateKeyPem } = json;
  const tokenUri = json['token_uri'] ?? GOOGLE_TOKEN_URI;
  if (typeof projectId !== 'string' || typeof clientEmail !== 'string' || typeof privateKeyPem !== 'string') {
    throw file.error('must hold project_id, client_email and private_key as strings');
  }
  if (typeof tokenUri !== 'string' || !URL.canParse(tokenUri) || new URL(tokenUri).protocol !== 'https:') {
    throw file.error('must hold an https address as token_uri');
  }
  const privateKey = createPrivateKey(privateKeyPem);
  if (privateKey.asymmetricKeyType !== 'rsa') throw file.error('must hold an RSA private_key');
  const keyId = json['private_key_id'];
  return { projectId, clientEmail, privateKey, privateKeyId: typeof keyId === 'string' ? keyId : undefined, tokenUri };
}

/** Loaded on demand: it brings 20 MB that a server without FCM does not need. */
async function checkWithFirebase(json: object, file: CredentialFile): Promise<void> {
  const { cert } = await import('firebase-admin/app');
  try {
    cert(json);
  } catch (error) {
    // The library's sentences are constants, but its causes quote; only the sentence goes on.
    const sentence = error instanceof Error && /^[\w ".:'_-]{1,120}$/.test(error.message) ? error.message : '';
    throw file.error(`is not a service account that firebase-admin accepts. ${sentence}`.trimEnd());
  }
}

/**
 * The form that is exchanged for an access token at `token_uri`: a JWT signed with RS256 that says who we are
 * (`iss`), what we want (`scope`) and for whom it is (`aud` = the address it goes to).
 *
 * @param now UTC epoch milliseconds
 * @returns `application/x-www-form-urlencoded`
 * @see RFC 7523 section 2.1; Google Identity, "Using OAuth 2.0 for Server to Server Applications"
 */
export function jwtBearerForm(account: ServiceAccount, now: number): string {
  const issuedAt = Math.floor(now / 1000);
  const header = { alg: 'RS256', typ: 'JWT', ...(account.privateKeyId ? { kid: account.privateKeyId } : {}) };
  const claims = {
    iss: account.clientEmail,
    scope: SCOPE,
    aud: account.tokenUri,
    iat: issuedAt,
    exp: issuedAt + ASSERTION_LIFETIME_S,
  };
  const signed = `${base64url(header)}.${base64url(claims)}`;
  const signature = sign('RSA-SHA256', Buffer.from(signed), account.privateKey).toString('base64url');
  return new URLSearchParams({ grant_type: GRANT_TYPE, assertion: `${signed}.${signature}` }).toString();
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
