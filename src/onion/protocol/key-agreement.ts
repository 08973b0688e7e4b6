import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';

export interface X25519KeyPair {
  readonly privateKey: KeyObject;
  /** 32 bytes, as it goes on the wire. */
  readonly publicKey: Buffer;
}

const KEY_BYTES = 32;
/** RFC 8410: the DER that precedes the 32 bytes of an X25519 private key. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** Makes the pair from a private key of 32 raw bytes (RFC 7748 clamping happens at use). Throws on another length. */
export function importKeyPair(privateKeyBytes: Uint8Array): X25519KeyPair {
  if (privateKeyBytes.length !== KEY_BYTES) throw new RangeError(`An X25519 key has ${KEY_BYTES} bytes`);
  const der = Buffer.concat([PKCS8_PREFIX, privateKeyBytes]);
  return withPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
}

export function generateKeyPair(): X25519KeyPair {
  return withPublicKey(generateKeyPairSync('x25519').privateKey);
}

/** The private key's 32 raw bytes. */
export function exportPrivateKey(pair: X25519KeyPair): Buffer {
  return pair.privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(PKCS8_PREFIX.length);
}

/**
 * X25519 of the own private key and the other side's 32-byte public key: 32 raw bytes (RFC 7748).
 *
 * Null for the zero key and the other points of low order, whose result is all zeros whatever the private key is; OpenSSL
 * refuses to derive from them.
 */
export function agree(own: X25519KeyPair, peerPublicKey: Buffer): Buffer | null {
  // JWK is the fastest import of raw bytes that Node has; DER costs a third more or, on older lines, the triple.
  const peer = createPublicKey({
    key: { kty: 'OKP', crv: 'X25519', x: peerPublicKey.toString('base64url') },
    format: 'jwk',
  });
  try {
    return diffieHellman({ privateKey: own.privateKey, publicKey: peer });
  } catch {
    // Two X25519 keys that were imported fail to agree for this one reason; its error code differs between Node lines.
    return null;
  }
}

function withPublicKey(privateKey: KeyObject): X25519KeyPair {
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return { privateKey, publicKey: Buffer.from(spki.subarray(-KEY_BYTES)) };
}
