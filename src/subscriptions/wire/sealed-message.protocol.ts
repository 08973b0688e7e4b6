import sodium from 'libsodium-wrappers';
import { randomBytes } from 'node:crypto';
import { type PushService } from './push-service.js';

await sodium.ready;

const NONCE_BYTES = 24;
const TAG_BYTES = 16;

/** Plaintexts are padded to a multiple of this, so that their size tells little about the message. */
const PADDED_TO = 256;

/** What a push may have, for all of these services: UTF-8 bytes of the payload, of the data, of the body without tokens. */
const MAX_PUSH_BYTES = 4096;

/**
 * How many characters of base64 a push of the service can carry: what is left of its 4,096 bytes beside the payload's other
 * parts (docs/subscriptions.md §4). Plaintexts grow by 256 bytes, so it is 2,816 bytes of them for each of these.
 */
export const ROOM_FOR_PAYLOAD: Readonly<Record<PushService, number>> = {
  apns: MAX_PUSH_BYTES - 154,
  'apns-sandbox': MAX_PUSH_BYTES - 154,
  firebase: MAX_PUSH_BYTES - 31,
  // The data is JSON text within JSON.
  huawei: MAX_PUSH_BYTES - 192,
  // And the encryption between us and the phone (RFC 8188, RFC 8291).
  webpush: MAX_PUSH_BYTES - 29 - 103,
};

/** A message as the storage nodes report it. */
export interface ReportedMessage {
  /** 66 characters of lower-case hexadecimal. */
  readonly account: string;
  readonly hash: string;
  readonly namespace: number;
  /** UTC epoch milliseconds, as the sender said. */
  readonly timestamp: number;
  /** UTC epoch milliseconds. */
  readonly expiry: number;
  /** Null = the node sent none. */
  readonly data: Buffer | null;
}

export interface SealedMessage {
  /** Padded standard base64, for `enc_payload`. */
  readonly payload: string;
  /** What is in it. `too-big`: the phone is told of a message that it has to fetch. */
  readonly content: 'message' | 'too-big' | 'metadata';
}

/**
 * Seals a reported message for one phone.
 *
 * The plaintext is a bencoded list, `l<length>:<metadata>[<length>:<message>]e`, padded with zero bytes to a multiple of 256:
 * the metadata is {@link metadataJson}, the message its bytes as the node sent them, when the subscription wants them and
 * they fit.
 *
 * @param encKey 32 bytes, from the phone
 * @param wantsData whether the subscription wants the message itself
 * @param room how many characters of base64 the push can carry ({@link ROOM_FOR_PAYLOAD})
 * @param nonce 24 bytes; given only to repeat known answers
 */
export function sealMessage(
  encKey: Buffer,
  message: ReportedMessage,
  wantsData: boolean,
  room: number,
  nonce?: Buffer,
): SealedMessage {
  const data = wantsData ? message.data : null;
  const whole = padded(metadataJson(message, data, false), data);
  if (data === null) return { payload: seal(encKey, whole, nonce), content: 'metadata' };
  if (base64Length(whole.length) <= room) return { payload: seal(encKey, whole, nonce), content: 'message' };
  return { payload: seal(encKey, padded(metadataJson(message, data, true), null), nonce), content: 'too-big' };
}

/**
 * Compact JSON with its keys in this order: `#` the message's hash, `@` the account, `B` true only when the message is too big
 * to be here, `l` its length in bytes when the node sent it and the phone wants it (0 is possible), `n` the namespace,
 * `t` and `z` the message's time and its end in UTC epoch milliseconds.
 */
export function metadataJson(message: ReportedMessage, data: Buffer | null, isTooBig: boolean): string {
  return JSON.stringify({
    '#': message.hash,
    '@': message.account,
    ...(isTooBig ? { B: true } : {}),
    ...(data === null ? {} : { l: data.length }),
    n: message.namespace,
    t: message.timestamp,
    z: message.expiry,
  });
}

/** The bencoded list of metadata and message, with its padding. */
export function padded(metadata: string, data: Buffer | null): Buffer {
  const parts = [
    Buffer.from('l'),
    byteString(Buffer.from(metadata)),
    ...(data ? [byteString(data)] : []),
    Buffer.from('e'),
  ];
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat(parts, Math.ceil(length / PADDED_TO) * PADDED_TO);
}

/** `nonce[24] | ciphertext | tag[16]` by XChaCha20-Poly1305 (IETF) without additional data, in base64. */
export function seal(encKey: Buffer, plaintext: Buffer, nonce: Buffer = randomBytes(NONCE_BYTES)): string {
  const ciphertext = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, null, null, nonce, encKey);
  return Buffer.concat([nonce, ciphertext]).toString('base64');
}

const base64Length = (plaintextBytes: number): number => 4 * Math.ceil((NONCE_BYTES + plaintextBytes + TAG_BYTES) / 3);

const byteString = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from(`${bytes.length}:`), bytes]);
