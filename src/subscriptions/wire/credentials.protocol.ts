import { type Subaccount } from './signatures.protocol.js';

/** What a phone signed with, beside the text: all that a storage node needs to check a subscription. */
export interface Credentials {
  /** 64 bytes. */
  readonly signature: Buffer;
  /** 32 bytes; null for every account that is no Session id. */
  readonly sessionEd25519: Buffer | null;
  readonly subaccount: Subaccount | null;
}

const SIGNATURE_BYTES = 64;
const KEY_BYTES = 32;
const TAG_BYTES = 36;

/**
 * The stored form: `signature[64] | session_ed25519[32]? | (subaccount tag[36] | its signature[64])?`. Which parts are there
 * shows in the length: 64, 96, 164 or 196 bytes.
 */
export function packCredentials({ signature, sessionEd25519, subaccount }: Credentials): Buffer {
  return Buffer.concat([
    signature,
    ...(sessionEd25519 ? [sessionEd25519] : []),
    ...(subaccount ? [subaccount.tag, subaccount.signature] : []),
  ]);
}

/** Null for bytes of any other length. The parts are views into `bytes`. */
export function unpackCredentials(bytes: Buffer): Credentials | null {
  const rest = bytes.length - SIGNATURE_BYTES;
  const hasKey = rest === KEY_BYTES || rest === KEY_BYTES + TAG_BYTES + SIGNATURE_BYTES;
  const hasSubaccount = rest - (hasKey ? KEY_BYTES : 0) === TAG_BYTES + SIGNATURE_BYTES;
  if (rest !== 0 && !hasKey && !hasSubaccount) return null;
  const tagAt = SIGNATURE_BYTES + (hasKey ? KEY_BYTES : 0);
  return {
    signature: bytes.subarray(0, SIGNATURE_BYTES),
    sessionEd25519: hasKey ? bytes.subarray(SIGNATURE_BYTES, tagAt) : null,
    subaccount: hasSubaccount
      ? { tag: bytes.subarray(tagAt, tagAt + TAG_BYTES), signature: bytes.subarray(tagAt + TAG_BYTES) }
      : null,
  };
}
