import { btDict, encodeBt } from './bt.js';
import { hashOf } from './keys.js';

const DEFAULT_TTL_MS = 14 * 86_400_000;

/** A message as a node keeps it. */
export interface StoredMessage {
  /** 33 bytes. */
  readonly account: Buffer;
  readonly namespace: number;
  readonly data: Buffer;
  readonly hash: string;
  /** UTC epoch milliseconds. */
  readonly timestamp: number;
  readonly expiry: number;
}

export interface MessageDetails {
  readonly timestamp?: number;
  readonly ttlMs?: number;
}

/** The same account, namespace and data have the same hash, whatever the time. */
export function makeMessage(
  account: Buffer,
  namespace: number,
  data: Buffer,
  { timestamp = Date.now(), ttlMs = DEFAULT_TTL_MS }: MessageDetails = {},
): StoredMessage {
  const hash = hashOf(account, Buffer.from(namespace === 0 ? '' : String(namespace)), data);
  return { account, namespace, data, hash, timestamp, expiry: timestamp + ttlMs };
}

/** The part of `notify.message`. */
export function encodeReport(message: StoredMessage, withData: boolean): Buffer {
  const { account, namespace, data, hash, timestamp, expiry } = message;
  return encodeBt(
    btDict({ '@': account, h: hash, n: namespace, t: timestamp, z: expiry, '~': withData ? data : undefined }),
  );
}
