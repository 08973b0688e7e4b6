import { ECDH } from 'node:crypto';

/** The keys of one subscription: with them only its phone can open what is sent (RFC 8291 §2). */
export interface PhoneKeys {
  /** Uncompressed point on P-256: `04 | x[32] | y[32]`. */
  readonly p256dh: Buffer;
  /** 16 bytes. */
  readonly auth: Buffer;
}

export const P256DH_BYTES = 65;
const AUTH_BYTES = 16;

const UNCOMPRESSED = 4;
const BASE64URL = /^([A-Za-z0-9_-]+)={0,2}$/;

/** Base64url of a point on the curve, its padding optional; null for everything else, whatever its type. */
export function decodeP256dh(value: unknown): Buffer | null {
  const point = decode(value, P256DH_BYTES);
  return point?.[0] === UNCOMPRESSED && isOnCurve(point) ? point : null;
}

/** Base64url of 16 bytes, its padding optional; null for everything else, whatever its type. */
export function decodeAuth(value: unknown): Buffer | null {
  return decode(value, AUTH_BYTES);
}

/** Stored beside the endpoint: `p256dh[65] | auth[16]`. */
export function packKeys({ p256dh, auth }: PhoneKeys): Buffer {
  return Buffer.concat([p256dh, auth]);
}

/** The parts are views into `bytes`. Null for bytes of another length. */
export function unpackKeys(bytes: Buffer): PhoneKeys | null {
  if (bytes.length !== P256DH_BYTES + AUTH_BYTES) return null;
  return { p256dh: bytes.subarray(0, P256DH_BYTES), auth: bytes.subarray(P256DH_BYTES) };
}

function decode(value: unknown, length: number): Buffer | null {
  const text = typeof value === 'string' ? BASE64URL.exec(value)?.[1] : undefined;
  if (text?.length !== Math.ceil((length * 4) / 3)) return null;
  return Buffer.from(text, 'base64url');
}

/** With a point that is not on the curve, the shared secret would be weak, or tell our private key to the one who chose it. */
function isOnCurve(point: Buffer): boolean {
  try {
    ECDH.convertKey(point, 'prime256v1');
    return true;
  } catch {
    return false;
  }
}
