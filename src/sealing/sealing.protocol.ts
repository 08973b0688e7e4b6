import sodium from 'libsodium-wrappers';

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
}

/** @param dataKey 32 bytes */
export function deriveKeys(dataKey: Uint8Array): SealingKeys {
  return {
    id: derive(dataKey, 'session-push id'),
    nonce: derive(dataKey, 'session-push token nonce'),
    token: derive(dataKey, 'session-push token'),
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
  const nonce = sodium.crypto_generichash(NONCE_BYTES, token, nonceKey);
  const ciphertext = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(token, null, null, nonce, key);
  return MARK + Buffer.concat([nonce, ciphertext]).toString('base64url');
}

/** The token; null when this was not sealed with these keys, or is damaged. */
export function openToken({ token: key }: SealingKeys, sealed: string): string | null {
  const bytes = Buffer.from(sealed.slice(MARK.length), 'base64url');
  if (!isSealed(sealed) || bytes.length < NONCE_BYTES + TAG_BYTES) return null;
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const ciphertext = bytes.subarray(NONCE_BYTES);
  try {
    return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, ciphertext, null, nonce, key, 'text');
  } catch {
    // The tag does not match: the lengths were checked above.
    return null;
  }
}

const derive = (dataKey: Uint8Array, use: string): Uint8Array => sodium.crypto_generichash(KEY_BYTES, use, dataKey);

const toBase64url = ({ buffer, byteOffset, length }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, length).toString('base64url');
