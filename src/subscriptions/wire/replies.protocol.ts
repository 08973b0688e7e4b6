/**
 * The answers of `/subscribe` and `/unsubscribe`, one for each item, in the words that apps and their developers know. These
 * keys and no others: apps of 2024 cannot read an answer with one more.
 */
export type SubscriptionReply =
  | { readonly success: true; readonly added: true; readonly message: string }
  | { readonly success: true; readonly updated: true; readonly message: string }
  | { readonly success: true; readonly removed: boolean; readonly message: string }
  | ItemRefusal;

/**
 * The item is wrong for good: an app that asks again hears the same. 1 bad input, 2 the service is not available here, 4 a
 * signature, a time, a namespace, a byte value, or one of the keys that tell who asks. (3, a time-out, is never answered:
 * see {@link TRY_LATER}.)
 */
export type ItemRefusal = { readonly error: 1 | 2 | 4; readonly message: string };

/** Of a whole request, with the inner status 503: apps take any answer with a 2xx for final. */
export type Postponement = { readonly error: 5; readonly message: string };

export const added = (): SubscriptionReply => ({ success: true, added: true, message: 'Subscription successful' });

export const updated = (): SubscriptionReply => ({
  success: true,
  updated: true,
  message: 'Resubscription successful',
});

export const unsubscribed = (removed: boolean): SubscriptionReply => ({
  success: true,
  removed,
  message: removed ? 'Device unsubscribed from push notifications' : 'Device was not subscribed to push notifications',
});

export const refusedItem = (error: ItemRefusal['error'], message: string): ItemRefusal => ({ error, message });

export const TRY_LATER: Postponement = {
  error: 5,
  message: 'The server could not do this now, try again later',
};
