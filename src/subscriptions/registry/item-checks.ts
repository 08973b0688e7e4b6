import { type SubscribeItem, type UnsubscribeItem } from '../dto/subscriptions.dto.js';
import { type ItemRefusal, refusedItem } from '../wire/replies.protocol.js';
import {
  monitorText,
  problemOfSignature,
  type SignatureCheck,
  type SignatureProblem,
  type Signer,
  unsubscribeText,
} from '../wire/signatures.protocol.js';

const DAY_SECONDS = 86_400;

/** Storage nodes take a signature for so long, and that is how long a subscription lasts. */
export const SUBSCRIPTION_SECONDS = 14 * DAY_SECONDS;

/** A phone's clock, or ours, may be wrong by this. */
const CLOCK_SECONDS = DAY_SECONDS;

/** What a subscription is judged by. */
export type SignedWish = Signer & Pick<SubscribeItem, 'sigTs' | 'wantsData' | 'namespaces' | 'signature'>;

/**
 * Null = its time and its signature are good.
 *
 * @param now UTC epoch seconds
 * @param isSigned how a signature is checked, when not as one of somebody who may send anything
 */
export function refusalOfSubscribe(item: SignedWish, now: number, isSigned?: SignatureCheck): ItemRefusal | null {
  const { account, sigTs, wantsData, namespaces, signature } = item;
  if (now - sigTs >= SUBSCRIPTION_SECONDS) return refusedItem(4, 'Subscription: sig_ts timestamp is too old');
  if (sigTs - now >= CLOCK_SECONDS) return refusedItem(4, 'Subscription: sig_ts timestamp is too far in the future');
  return toRefusal(problemOfSignature(monitorText(account, sigTs, wantsData, namespaces), signature, item, isSigned));
}

/** Likewise; a request to unsubscribe is good for a day. */
export function refusalOfUnsubscribe(item: UnsubscribeItem, now: number): ItemRefusal | null {
  const { account, sigTs, signature } = item;
  if (now - sigTs > CLOCK_SECONDS) return refusedItem(4, 'Unsubscribe: sig_ts timestamp is too old');
  if (sigTs - now > CLOCK_SECONDS) return refusedItem(4, 'Unsubscribe: sig_ts timestamp is too far in the future');
  return toRefusal(problemOfSignature(unsubscribeText(account, sigTs), signature, item));
}

const toRefusal = (problem: SignatureProblem | null): ItemRefusal | null =>
  problem === null ? null : refusedItem(4, messageOf(problem));

function messageOf(problem: SignatureProblem): string {
  switch (problem) {
    case 'session-key-missing':
      return "Missing required parameter 'session_ed25519'";
    case 'session-key-unexpected':
      return 'session_ed25519 is for a pubkey that begins with 05 only';
    case 'session-key-of-another':
      return 'session_ed25519 is not the key of this pubkey';
    case 'subaccount-without-read':
      return 'Invalid subaccount: this subaccount does not have read permission';
    case 'subaccount-of-another-prefix':
      return 'Invalid subaccount: this subaccount is for another network prefix';
    case 'subaccount-not-authorized':
      return 'Subaccount auth signature verification failed';
    case 'subaccount-signature':
      return 'Subaccount main signature verification failed';
    case 'signature':
      return 'Signature verification failed';
  }
}
