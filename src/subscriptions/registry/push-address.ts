import { type PushAddress } from '../../delivery/queue/notification-queue.js';
import { type ApnsEnvironment, type Provider } from '../../providers/push-transport.js';
import { type Sealing } from '../../sealing/sealing.js';
import { type PushService } from '../wire/push-service.js';
import { type Subscriber } from './subscribers.service.js';

interface Destination {
  readonly provider: Provider;
  /** APNs only: the service names it. */
  readonly apnsEnvironment: ApnsEnvironment | null;
}

const DESTINATIONS: Readonly<Record<PushService, Destination>> = {
  apns: { provider: 'apns', apnsEnvironment: 'production' },
  'apns-sandbox': { provider: 'apns', apnsEnvironment: 'sandbox' },
  firebase: { provider: 'fcm', apnsEnvironment: null },
  huawei: { provider: 'huawei', apnsEnvironment: null },
  webpush: { provider: 'webpush', apnsEnvironment: null },
};

/** Where a subscriber's push goes; what its service needs beside the token is sealed as the token is. */
export function addressOf(
  sealing: Sealing,
  { service, token, serviceInfo, registeredAt, acceptedAt }: Subscriber,
): PushAddress {
  const { provider, apnsEnvironment } = DESTINATIONS[service];
  const info = serviceInfo && { serviceInfo: sealing.token(serviceInfo.toString('base64url')) };
  return { provider, targets: [{ token, registeredAt, apnsEnvironment, acceptedAt, ...info }] };
}

/** The service whose tokens a provider means; null = not one that phones can subscribe for. */
export function serviceOf(provider: Provider, apnsEnvironment: ApnsEnvironment | null): PushService | null {
  const services = Object.entries(DESTINATIONS) as [PushService, Destination][];
  const found = services.find(
    ([, destination]) => destination.provider === provider && destination.apnsEnvironment === apnsEnvironment,
  );
  return found?.[0] ?? null;
}
