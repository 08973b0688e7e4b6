import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Report } from '../wire/notify-message.protocol.js';

/**
 * Waits before what failed is tried again, so that others have their turn meanwhile. True = one of them has taken the message.
 * The signal ends the wait early.
 */
export type Rest = (ms: number, signal: AbortSignal) => Promise<boolean>;

/** Where nobody else could take it. */
export const restAlone: Rest = async (ms, signal) => {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
  return false;
};

/** Where it is remembered which messages were taken already. */
export abstract class SeenMessages {
  /**
   * Runs `take` for the first report of a message and for no other. A message counts as seen only when `take` has succeeded;
   * until then the other reports of it wait, and when it fails, the next of them is taken instead.
   *
   * @returns what became of this report: it was taken now, or is a copy of one that was
   * @throws what `take` threw for this report
   */
  abstract once(message: MessageKey, take: (rest: Rest) => Promise<void>): Promise<'taken' | 'copy'>;

  /** For how long a message is surely remembered, in milliseconds. */
  abstract readonly memoryMs: number;

  /** Messages that were forgotten before their time, because there were too many. */
  abstract readonly forgottenEarly: number;
}

/**
 * What a message is known by: all that decides who is pushed what, and not its hash alone. Otherwise one node could report the
 * hash with another content, namespace or end, and the others' reports of the message itself would count as copies of that.
 */
export type MessageKey = Pick<Report, 'account' | 'hash' | 'namespace' | 'expiresAt' | 'data'>;

/**
 * 64 bits that stand for a message. With a secret nobody can make two messages that have the same.
 *
 * Of n messages remembered, a new one is taken for one of them with a probability of n / 2^64: with four million, once in
 * 4 * 10^12 messages.
 */
export function fingerprintOf(message: MessageKey, secret: Buffer): Buffer {
  const { account, hash, namespace, expiresAt, data } = message;
  const digest = createHash('sha256').update(secret).update(account);
  // A hash has no blanks, so that no two messages are the same text.
  digest.update(`${hash} ${namespace} ${expiresAt} ${data === null ? 'none' : data.length} `, 'latin1');
  if (data !== null) digest.update(data);
  return digest.digest().subarray(0, 8);
}
