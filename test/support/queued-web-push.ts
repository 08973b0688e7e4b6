import { v7 as uuidv7 } from 'uuid';
import { type WebPushSubscription } from '../../gateways/webpush.phone.js';
import { NotificationQueue } from '../../src/delivery/queue/notification-queue.js';
import { decodeAuth, decodeP256dh, packKeys } from '../../src/providers/webpush/phone-keys.protocol.js';
import { Sealing } from '../../src/sealing/sealing.js';
import { type TestServer } from './test-server.js';

/** Queues a push for a phone without Google, as if a storage node had reported a message for it. */
export async function queueWebPush(
  { app }: TestServer,
  { endpoint, p256dh, auth }: WebPushSubscription,
): Promise<void> {
  const keys = { p256dh: decodeP256dh(p256dh), auth: decodeAuth(auth) };
  if (!keys.p256dh || !keys.auth) throw new Error('these are no keys');
  const sealing = app.get(Sealing);
  const serviceInfo = packKeys({ p256dh: keys.p256dh, auth: keys.auth }).toString('base64url');
  const now = Date.now();
  await app.get(NotificationQueue).add({
    notificationId: uuidv7(),
    lane: 'intake',
    recipient: sealing.id('05a'),
    content: { kind: 'sealed', payload: 'AAAA' },
    urgency: 'high',
    to: {
      provider: 'webpush',
      targets: [{ token: sealing.token(endpoint), serviceInfo, registeredAt: now, apnsEnvironment: null }],
    },
    acceptedAt: now,
    expiresAt: now + 3_600_000,
    availableAt: now,
    attempts: 0,
  });
}
