import sodium from 'libsodium-wrappers';
import { randomBytes } from 'node:crypto';

await sodium.ready;

/** The keys of a service node. */
export interface NodeKeys {
  readonly ed25519: Buffer;
  readonly x25519: Buffer;
  /** Of the X25519 key. */
  readonly secret: Buffer;
}

/** The same seed (32 bytes) gives the same keys. As with real nodes, both come from it. */
export function makeNodeKeys(seed: Buffer = randomBytes(32)): NodeKeys {
  const { publicKey, privateKey } = sodium.crypto_sign_seed_keypair(seed);
  const secret = Buffer.from(sodium.crypto_sign_ed25519_sk_to_curve25519(privateKey));
  return { ed25519: Buffer.from(publicKey), x25519: Buffer.from(sodium.crypto_scalarmult_base(secret)), secret };
}

/** Ed25519; false also for a key or a signature of another length. */
export function isSignedBy(key: Buffer, text: Buffer | string, signature: Buffer): boolean {
  if (key.length !== 32 || signature.length !== 64) return false;
  return sodium.crypto_sign_verify_detached(signature, text, key);
}

/** The X25519 key that belongs to an Ed25519 key; null = it is not a point of the curve that may be used. */
export function toX25519(ed25519: Buffer): Buffer | null {
  try {
    return Buffer.from(sodium.crypto_sign_ed25519_pk_to_curve25519(ed25519));
  } catch {
    return null;
  }
}

/** BLAKE2b of 32 bytes, as base64 without padding: the form of a message's hash. */
export function hashOf(...parts: readonly Buffer[]): string {
  return Buffer.from(sodium.crypto_generichash(32, Buffer.concat(parts), null))
    .toString('base64')
    .replace('=', '');
}
