import sodium from 'libsodium-wrappers';
import { randomBytes } from 'node:crypto';

await sodium.ready;

/** What begins a sealed text. Ids and tokens of clients have no spaces, so none of theirs passes for a sealed one. */
const MARK = ' ';

const KEY_BYTES = 32;
const ID_BYTES = 32;
const NONCE_BYTES = 24;
const TAG_BYTES = 16;

/** Keys of 32 bytes, one for each use: keyed BLAKE2b-256 of the use's name under the data key. */
export interface SealingKeys {
  readonly id: Uint8Array;
  readonly nonce: Uint8Array;
  readonly token: Uint8Array;
  readonly accountNonce: Uint8Array;
  readonly account: Uint8Array;
  readonly box: Uint8Array;
}

/** @param dataKey 32 bytes */
export function deriveKeys(dataKey: Uint8Array): SealingKeys {
  return {
    id: derive(dataKey, 'session-push id'),
    nonce: derive(dataKey, 'session-push token nonce'),
    token: derive(dataKey, 'session-push token'),
    accountNonce: derive(dataKey, 'session-push account nonce'),
    account: derive(dataKey, 'session-push account'),
    box: derive(dataKey, 'session-push box'),
  };
}

/** Tells whether a data key is the one that was used before, and nothing about the keys in use. Base64url. */
export function keyCheckOf(dataKey: Uint8Array): string {
  return toBase64url(derive(dataKey, 'session-push check'));
}

export const isSealed = (text: string): boolean => text.startsWith(MARK);

/** ` ` and base64url of keyed BLAKE2b-256 of the id: one-way, 44 characters. */
export function sealId({ id: key }: SealingKeys, id: string): string {
  return MARK + toBase64url(sodium.crypto_generichash(ID_BYTES, id, key));
}

/**
 * ` ` and base64url of `nonce[24] | ciphertext | tag[16]` by XChaCha20-Poly1305 without additional data.
 *
 * The nonce is keyed BLAKE2b-192 of the token, so one token has one sealed form, which can be looked up and is a key as
 * good as the token: what it reveals is that two of them are the same. Two tokens share a nonce as rarely as two random
 * nonces do.
 */
export function sealToken({ nonce: nonceKey, token: key }: SealingKeys, token: string): string {
  return MARK + sealInOneForm(nonceKey, key, Buffer.from(token)).toString('base64url');
}

/** The token; null when this was not sealed with these keys, or is damaged. */
export function openToken({ token: key }: SealingKeys, sealed: string): string | null {
  return openText(key, sealed)?.toString() ?? null;
}

/**
 * As {@link sealToken}, of the bytes of an account: an account has one sealed form, which can be looked up, and unlike an id
 * it can be opened, because storage nodes have to be told whom they are asked about. 99 characters for 33 bytes.
 *
 * @param account hexadecimal, of which the case is not kept
 */
export function sealAccount({ accountNonce: nonceKey, account: key }: SealingKeys, account: string): string {
  return MARK + sealInOneForm(nonceKey, key, Buffer.from(account, 'hex')).toString('base64url');
}

/** The account in lower-case hexadecimal; null when this was not sealed with these keys, or is damaged. */
export function openAccount({ account: key }: SealingKeys, sealed: string): string | null {
  return openText(key, sealed)?.toString('hex') ?? null;
}

/**
 * `nonce[24] | ciphertext | tag[16]` by XChaCha20-Poly1305 with a random nonce: for what is never looked up, and must not
 * show that two of them are the same.
 *
 * @param place where it is kept; as additional data it ties the box to that place
 * @param nonce 24 bytes; given only to repeat known answers
 */
export function sealBox({ box: key }: SealingKeys, content: Uint8Array, place: string, nonce?: Uint8Array): Buffer {
  const used = nonce ?? randomBytes(NONCE_BYTES);
  return Buffer.concat([used, sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(content, place, null, used, key)]);
}

/**
 * Where a box of a row is kept: table, column and the row's primary key, with the values in their stored form, so that a box
 * cannot be moved to another row.
 */
export function boxPlace(table: string, column: string, key: readonly string[]): string {
  return [table, column, ...key].join(' ');
}

/** The content; null when it was not sealed with these keys for this place, or is damaged. */
export function openBox({ box: key }: SealingKeys, box: Uint8Array, place: string): Buffer | null {
  return decrypt(key, box, place);
}

/** The nonce is keyed BLAKE2b-192 of the content. */
function sealInOneForm(nonceKey: Uint8Array, key: Uint8Array, content: Uint8Array): Buffer {
  const nonce = sodium.crypto_generichash(NONCE_BYTES, content, nonceKey);
  return Buffer.concat([nonce, sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(content, null, null, nonce, key)]);
}

function openText(key: Uint8Array, sealed: string): Buffer | null {
  return isSealed(sealed) ? decrypt(key, Buffer.from(sealed.slice(MARK.length), 'base64url'), null) : null;
}

function decrypt(key: Uint8Array, bytes: Uint8Array, additionalData: string | null): Buffer | null {
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return null;
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const ciphertext = bytes.subarray(NONCE_BYTES);
  try {
    return Buffer.from(sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, ciphertext, additionalData, nonce, key));
  } catch {
    // The tag does not match: the lengths were checked above.
    return null;
  }
}

const derive = (dataKey: Uint8Array, use: string): Uint8Array => sodium.crypto_generichash(KEY_BYTES, use, dataKey);

const toBase64url = ({ buffer, byteOffset, length }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, length).toString('base64url');
