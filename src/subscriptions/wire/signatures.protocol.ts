import sodium from 'libsodium-wrappers';
import { verify } from 'node:crypto';

await sodium.ready;

/** Of a Session id; every other prefix is followed by the Ed25519 key itself (`03` is a group). */
const SESSION_ID_PREFIX = 0x05;

/** Of a subaccount tag: where its parts are, and what the flags in its second byte mean. */
const TAG_PREFIX_AT = 0;
const TAG_FLAGS_AT = 1;
const TAG_KEY_AT = 4;
const FLAG_READ = 1;
const FLAG_ANY_PREFIX = 8;

/** Leave to act for an account, given by its owner to another key. */
export interface Subaccount {
  /** 36 bytes: network prefix (1), flags (1), zeros (2), Ed25519 key (32). */
  readonly tag: Buffer;
  /** 64 bytes: the owner's signature over the tag. */
  readonly signature: Buffer;
}

/** On whose behalf something is signed, and by which key. */
export interface Signer {
  /** 33 bytes: prefix and key. */
  readonly account: Buffer;
  /** 32 bytes, for a Session id; null for every other account. */
  readonly sessionEd25519: Buffer | null;
  /** Null = the owner signs. */
  readonly subaccount: Subaccount | null;
}

/** What is wrong with a signature; null from the functions below means nothing. */
export type SignatureProblem =
  /** A Session id without its Ed25519 key, or another account with one. */
  | 'session-key-missing'
  | 'session-key-unexpected'
  /** The Ed25519 key is not that of this Session id. */
  | 'session-key-of-another'
  | 'subaccount-without-read'
  | 'subaccount-of-another-prefix'
  /** The owner did not sign the tag. */
  | 'subaccount-not-authorized'
  /** The subaccount's key did not sign the text. */
  | 'subaccount-signature'
  | 'signature';

/**
 * What a phone signs to have an account monitored, which is what storage nodes check too:
 * `MONITOR{account}{sig_ts}{1|0}{namespace},{namespace}…`, ASCII, the account in lower-case hexadecimal, decimal numbers.
 *
 * @param sigTs UTC epoch seconds
 */
export function monitorText(account: Buffer, sigTs: number, wantsData: boolean, namespaces: readonly number[]): string {
  return `MONITOR${account.toString('hex')}${sigTs}${wantsData ? 1 : 0}${namespaces.join(',')}`;
}

/** What a phone signs to end a subscription: `UNSUBSCRIBE{account}{sig_ts}`. */
export function unsubscribeText(account: Buffer, sigTs: number): string {
  return `UNSUBSCRIBE${account.toString('hex')}${sigTs}`;
}

/**
 * Checks who signed `text`: Ed25519 (RFC 8032) by `session_ed25519` for a Session id, by the key in the account for all
 * others, or by the key in the tag of a subaccount that the owner authorized.
 *
 * The keys and signatures that are refused are those that storage nodes refuse: of small order, or not written in the one
 * way that they have.
 *
 * @param signature 64 bytes
 * @param isSigned how one signature is checked
 */
export function problemOfSignature(
  text: string,
  signature: Buffer,
  signer: Signer,
  isSigned: SignatureCheck = isSignedBy,
): SignatureProblem | null {
  const owner = ownerKeyOf(signer);
  if (typeof owner === 'string') return owner;
  const { account, subaccount } = signer;
  if (!subaccount) return isSigned(signature, text, owner) ? null : 'signature';
  const problem = problemOfTag(subaccount.tag, account);
  if (problem) return problem;
  if (!isSigned(signature, text, subaccount.tag.subarray(TAG_KEY_AT))) return 'subaccount-signature';
  return isSigned(subaccount.signature, subaccount.tag, owner) ? null : 'subaccount-not-authorized';
}

/**
 * Whether an Ed25519 key is that of a Session id: converted to X25519 it is the id without its prefix.
 *
 * The conversion is u = (1 + y) / (1 - y) modulo 2^255 - 19 (RFC 7748, section 4.1). With u given, u (1 - y) = 1 + y says
 * the same without a division, which costs as much as checking a signature. Whether the key is a point at all is found out
 * by the signature that is checked with it.
 */
export function isKeyOfSessionId(sessionEd25519: Buffer, account: Buffer): boolean {
  const u = littleEndian(account.subarray(1));
  const y = littleEndian(sessionEd25519) & (2n ** 255n - 1n);
  return u < PRIME && y < PRIME && (u * (PRIME + 1n - y) - 1n - y) % PRIME === 0n;
}

const PRIME = 2n ** 255n - 19n;

const littleEndian = (bytes: Buffer): bigint => BigInt(`0x${Buffer.from(bytes.toReversed()).toString('hex')}`);

function ownerKeyOf({ account, sessionEd25519 }: Signer): Buffer | SignatureProblem {
  if (account[0] !== SESSION_ID_PREFIX) return sessionEd25519 ? 'session-key-unexpected' : account.subarray(1);
  if (!sessionEd25519) return 'session-key-missing';
  return isKeyOfSessionId(sessionEd25519, account) ? sessionEd25519 : 'session-key-of-another';
}

function problemOfTag(tag: Buffer, account: Buffer): SignatureProblem | null {
  const flags = tag.readUInt8(TAG_FLAGS_AT);
  if ((flags & FLAG_READ) === 0) return 'subaccount-without-read';
  if ((flags & FLAG_ANY_PREFIX) !== 0 || tag[TAG_PREFIX_AT] === account[0]) return null;
  return 'subaccount-of-another-prefix';
}

/** Whether 64 bytes are the signature of a message by a key of 32 bytes. */
export type SignatureCheck = (signature: Buffer, message: string | Buffer, publicKey: Buffer) => boolean;

export const isSignedBy: SignatureCheck = (signature, message, publicKey) =>
  sodium.crypto_sign_verify_detached(signature, message, publicKey);

/**
 * The same answer as that of {@link isSignedBy}: sooner when it is yes, and later when it is no. For very many of which
 * nearly all are good.
 *
 * What OpenSSL takes satisfies the equation of RFC 8032 without a cofactor, with S and R written in their one way. libsodium
 * takes that too, unless the key or R is of small order or the key is written in another way. So a yes counts for any other
 * key and R, and everything else is decided by libsodium.
 */
export const isSignedAsExpected: SignatureCheck = (signature, message, publicKey) =>
  (!mayBeRefused(publicKey) && !mayBeRefused(signature) && isSignedForOpenSsl(signature, message, publicKey)) ||
  isSignedBy(signature, message, publicKey);

function isSignedForOpenSsl(signature: Buffer, message: string | Buffer, publicKey: Buffer): boolean {
  const key = { kty: 'OKP', crv: 'Ed25519', x: publicKey.toString('base64url') };
  return verify(null, typeof message === 'string' ? Buffer.from(message) : message, { key, format: 'jwk' }, signature);
}

/**
 * The second and third byte of all points of small order, which are y = 0, 1, -1 and two others, and of all that is written in
 * another way, which is y from 2^255 - 19 on. One point in 16,384 has these bytes, too.
 */
const SECOND_BYTES_OF_REFUSED: ReadonlySet<number> = new Set([0x0000, 0xffff, 0xe895, 0x176a]);

const mayBeRefused = (point: Buffer): boolean => SECOND_BYTES_OF_REFUSED.has(point.readUInt16BE(1));
