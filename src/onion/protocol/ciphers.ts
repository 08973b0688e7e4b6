import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import sodium from 'libsodium-wrappers';

await sodium.ready;

export type EncType = 'aes-gcm' | 'xchacha20';

/** The three X25519 values a key is made from, 32 bytes each. */
export interface KeyMaterial {
  readonly shared: Buffer;
  readonly clientPublicKey: Buffer;
  readonly serverPublicKey: Buffer;
}

/** An authenticated cipher; sealed bytes are `nonce | ciphertext | tag[16]`, without additional data. */
export interface Cipher {
  readonly nonceBytes: number;
  /** The 32-byte key, the same for both directions. */
  deriveKey(material: KeyMaterial): Uint8Array;
  seal(key: Uint8Array, nonce: Uint8Array, plaintext: Buffer): Buffer;
  /** Null when the bytes are too few or were not sealed with this key. */
  open(key: Uint8Array, sealed: Buffer): Buffer | null;
}

const KEY_BYTES = 32;
const TAG_BYTES = 16;
const GCM_NONCE_BYTES = 12;
const XCHACHA_NONCE_BYTES = 24;

/**
 * AES-256-GCM: key = HMAC-SHA256(key "LOKI", message S); `iv[12] | ciphertext | tag[16]`, so at least 28 bytes.
 *
 * S is the raw X25519 result. Source: libonionrequests `channel_encryption.cpp`; docs/protocol.md §2.
 */
const aesGcm: Cipher = {
  nonceBytes: GCM_NONCE_BYTES,
  deriveKey: ({ shared }) => createHmac('sha256', 'LOKI').update(shared).digest(),
  seal(key, nonce, plaintext) {
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    const ciphertext = cipher.update(plaintext);
    cipher.final();
    return Buffer.concat([nonce, ciphertext, cipher.getAuthTag()]);
  },
  open(key, sealed) {
    const tagAt = sealed.length - TAG_BYTES;
    if (tagAt < GCM_NONCE_BYTES) return null;
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, GCM_NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAuthTag(sealed.subarray(tagAt));
    const plaintext = decipher.update(sealed.subarray(GCM_NONCE_BYTES, tagAt));
    try {
      decipher.final();
      return plaintext;
    } catch {
      // The tag does not match; nothing of the plaintext leaves this function.
      return null;
    }
  },
};

/**
 * XChaCha20-Poly1305 (IETF): key = BLAKE2b-256(S | A | B), unkeyed; `nonce[24] | ciphertext | tag[16]`, at least 40 bytes.
 *
 * A is the client's and B the server's public key, in this order for requests and for replies. Source: libonionrequests
 * `channel_encryption.cpp`; docs/protocol.md §2.
 */
const xchacha20: Cipher = {
  nonceBytes: XCHACHA_NONCE_BYTES,
  deriveKey: ({ shared, clientPublicKey, serverPublicKey }) =>
    sodium.crypto_generichash(KEY_BYTES, Buffer.concat([shared, clientPublicKey, serverPublicKey]), null),
  seal: (key, nonce, plaintext) =>
    Buffer.concat([nonce, sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, null, null, nonce, key)]),
  open(key, sealed) {
    if (sealed.length < XCHACHA_NONCE_BYTES + TAG_BYTES) return null;
    const nonce = sealed.subarray(0, XCHACHA_NONCE_BYTES);
    const ciphertext = sealed.subarray(XCHACHA_NONCE_BYTES);
    try {
      const plaintext = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, ciphertext, null, nonce, key);
      return Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.length);
    } catch {
      // The tag does not match: the lengths were checked above.
      return null;
    }
  },
};

export const CIPHERS: Readonly<Record<EncType, Cipher>> = { 'aes-gcm': aesGcm, xchacha20 };

/**
 * Reads `enc_type` of version 4: `aes-gcm` or `gcm`, `xchacha20` or `xchacha20-poly1305`, case-sensitive; absent means
 * AES-GCM, which is all that clients before libsession knew.
 *
 * Null for everything else, AES-CBC (`aes-cbc`, `cbc`) included: it is not authenticated and no client uses it. Source:
 * docs/protocol.md §1.2.
 */
export function parseEncType(value: unknown): EncType | null {
  switch (value) {
    case undefined:
    case 'aes-gcm':
    case 'gcm':
      return 'aes-gcm';
    case 'xchacha20':
    case 'xchacha20-poly1305':
      return 'xchacha20';
    default:
      return null;
  }
}
