import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { newAndroidToken } from './people.js';

/** What an app puts into `/subscribe` and `/unsubscribe`, made with the keys of somebody who exists only in the test. */

/** RFC 8410: the DER that precedes the 32 bytes of an X25519 private key. */
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');

interface Ed25519Key {
  readonly secret: KeyObject;
  readonly publicKey: Buffer;
}

/** Who owns an account, or is allowed to act for one. */
export interface Account {
  /** 66 hexadecimal characters. */
  readonly id: string;
  readonly key: Ed25519Key;
  /** Of a Session id. */
  readonly sessionEd25519: string | null;
  readonly subaccount: { readonly tag: string; readonly signature: string } | null;
}

export interface Wishes {
  readonly namespaces?: readonly number[];
  readonly data?: boolean;
  /** UTC epoch seconds. */
  readonly sigTs?: number;
  readonly service?: string;
  readonly token?: string;
  /** Of a service that is named by more than a token. */
  readonly serviceInfo?: object;
  /** 32 bytes. */
  readonly encKey?: Buffer;
}

export type SubscribeRequest = Readonly<Record<string, unknown>> & {
  readonly service_info: { readonly token: string };
};

/** A Session id: its X25519 key is the Ed25519 key's, as the apps derive it from one seed. */
export function newSessionId(): Account {
  const key = newEd25519Key();
  const id = `05${rawPublicKey(x25519SecretOf(key)).toString('hex')}`;
  return { id, key, sessionEd25519: key.publicKey.toString('hex'), subaccount: null };
}

/** A group, as its admin has it. */
export function newGroup(): Account {
  const key = newEd25519Key();
  return { id: `03${key.publicKey.toString('hex')}`, key, sessionEd25519: null, subaccount: null };
}

/** A group as one of its members has it. */
export function newMember(group: Account): Account {
  const key = newEd25519Key();
  const tag = Buffer.concat([Buffer.from('03030000', 'hex'), key.publicKey]);
  const signature = sign(null, tag, group.key.secret).toString('base64');
  return { ...group, key, subaccount: { tag: tag.toString('hex'), signature } };
}

export const nowSeconds = (): number => Math.floor(Date.now() / 1000);

export function subscribeRequest(account: Account, wishes: Wishes = {}): SubscribeRequest {
  const { namespaces = [0], data = true, sigTs = nowSeconds(), encKey = randomBytes(32) } = wishes;
  const text = `MONITOR${account.id}${sigTs}${data ? 1 : 0}${namespaces.join(',')}`;
  return {
    ...signedRequest(account, text, sigTs, wishes),
    ...{ namespaces, data, enc_key: encKey.toString('hex') },
  };
}

export function unsubscribeRequest(account: Account, wishes: Wishes = {}): SubscribeRequest {
  const { sigTs = nowSeconds() } = wishes;
  return signedRequest(account, `UNSUBSCRIBE${account.id}${sigTs}`, sigTs, wishes);
}

function signedRequest(account: Account, text: string, sigTs: number, wishes: Wishes): SubscribeRequest {
  const { service = 'firebase', token = newAndroidToken() } = wishes;
  return {
    pubkey: account.id,
    ...(account.sessionEd25519 === null ? {} : { session_ed25519: account.sessionEd25519 }),
    ...(account.subaccount && { subaccount: account.subaccount.tag, subaccount_sig: account.subaccount.signature }),
    sig_ts: sigTs,
    signature: sign(null, Buffer.from(text), account.key.secret).toString('base64'),
    service,
    service_info: (wishes.serviceInfo ?? { token }) as { token: string },
  };
}

function newEd25519Key(): Ed25519Key {
  const { privateKey } = generateKeyPairSync('ed25519');
  return { secret: privateKey, publicKey: rawPublicKey(privateKey) };
}

/** RFC 8032 and RFC 7748 agree on the scalar: the first half of the seed's SHA-512, clamped. */
function x25519SecretOf({ secret }: Ed25519Key): KeyObject {
  const seed = secret.export({ format: 'der', type: 'pkcs8' }).subarray(-32);
  const scalar = createHash('sha512').update(seed).digest().subarray(0, 32);
  return createPrivateKey({ key: Buffer.concat([PKCS8_X25519, scalar]), format: 'der', type: 'pkcs8' });
}

const rawPublicKey = (secret: KeyObject): Buffer =>
  createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(-32);
