import { expect, it } from 'vitest';
import { added, refusedItem, TRY_LATER, unsubscribed, updated } from './replies.protocol.js';

it.each([
  [added(), '{"success":true,"added":true,"message":"Subscription successful"}'],
  [updated(), '{"success":true,"updated":true,"message":"Resubscription successful"}'],
  [unsubscribed(true), '{"success":true,"removed":true,"message":"Device unsubscribed from push notifications"}'],
  [unsubscribed(false), '{"success":true,"removed":false,"message":"Device was not subscribed to push notifications"}'],
  [TRY_LATER, '{"error":5,"message":"The server could not do this now, try again later"}'],
  [refusedItem(4, 'Signature verification failed'), '{"error":4,"message":"Signature verification failed"}'],
])('answers as apps know it, key by key: %j', (reply, json) => {
  expect(JSON.stringify(reply)).toBe(json);
});
