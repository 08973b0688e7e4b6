import { type BtDict, decodeBt } from '../../encoding/bt.js';

/** A message that a node has stored for an account. */
export interface Report {
  /** 33 bytes. */
  readonly account: Buffer;
  /** The message's name among those of its account: 32 to 99 characters of ASCII. */
  readonly hash: string;
  readonly namespace: number;
  /** When it was stored, and when it will be gone, in milliseconds. */
  readonly storedAt: number;
  readonly expiresAt: number;
  /** The message, up to 76,800 bytes; null when nobody asked for it. */
  readonly data: Buffer | null;
}

const ACCOUNT_BYTES = 33;
const MIN_HASH = 32;
const MAX_HASH = 99;
const MAX_DATA = 76_800;
const MAX_PART = 128 * 1024;
const LIMITS = { maxDepth: 8, maxBytes: MAX_PART, maxValues: 1000 };
const PRINTABLE = /^[\x21-\x7e]+$/;

/**
 * Reads `notify.message`, one part, a bt-dict: `@` account · `h` hash · `n` namespace · `t` stored, ms · `z` expires, ms ·
 * `~` the message. Other keys are passed over. Null when one is missing or is not as it should be.
 */
export function decodeNotifyMessage(parts: readonly Buffer[]): Report | null {
  const dict = dictOf(parts);
  const account = dict && accountOf(dict);
  if (!dict || !account) return null;
  const [hash, namespace] = [dict.get('h'), dict.get('n')];
  const [storedAt, expiresAt, data = null] = [dict.get('t'), dict.get('z'), dict.get('~')];
  if (!Buffer.isBuffer(hash) || hash.length < MIN_HASH || hash.length > MAX_HASH) return null;
  const hashText = hash.toString('latin1');
  if (!PRINTABLE.test(hashText)) return null;
  if (typeof namespace !== 'number' || namespace < -32_768 || namespace > 32_767) return null;
  if (!isTime(storedAt) || !isTime(expiresAt)) return null;
  if (data !== null && (!Buffer.isBuffer(data) || data.length > MAX_DATA)) return null;
  return { account, hash: hashText, namespace, storedAt, expiresAt, data };
}

/**
 * Reads `notify.monitor_ended`, one part, a bt-dict with `@`, the account that has left the node's swarm. What else it says
 * (`errcode` 6, `error`, and where the account is now) is a hint that is not followed. Null when there is no account.
 */
export function decodeMonitorEnded(parts: readonly Buffer[]): Buffer | null {
  const dict = dictOf(parts);
  return dict && accountOf(dict);
}

function dictOf(parts: readonly Buffer[]): BtDict | null {
  const [part] = parts;
  if (parts.length !== 1 || !part) return null;
  const dict = decodeBt(part, LIMITS);
  return dict instanceof Map ? dict : null;
}

function accountOf(dict: BtDict): Buffer | null {
  const account = dict.get('@');
  return Buffer.isBuffer(account) && account.length === ACCOUNT_BYTES ? account : null;
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0;
}
