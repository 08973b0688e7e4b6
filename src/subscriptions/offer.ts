import { type AppConfig } from '../config/app-config.js';
import { AllowedHosts, mayBeReached, readEndpoint } from '../providers/webpush/endpoint.js';
import { readVapidKey } from '../providers/webpush/vapid-key.js';
import { PUSH_SERVICES, type PushService } from './wire/push-service.js';

/** What phones can subscribe for on this server. It does not change while the server runs. */
export abstract class Offer {
  /** Those with credentials; none when today's API is off. */
  abstract readonly services: ReadonlySet<PushService>;

  /** Base64url: phones make their endpoints for it. Null = Web Push is not among the services. */
  abstract readonly vapidPublicKey: string | null;

  /** Whether the server sends to what a phone has given as its address, as far as that can be told without asking around. */
  abstract sendsTo(service: PushService, token: string): boolean;
}

type Providers = Pick<AppConfig, 'network' | 'role' | 'apns' | 'fcm' | 'huawei' | 'webpush'>;

/**
 * An instance that only accepts may have no credentials at all, because others deliver. Then it cannot know what they can
 * push through, and takes every service: a phone that is refused does not ask again for a week. Web Push needs the key here
 * too, because phones ask for it.
 *
 * @throws CredentialError when the key for Web Push is not usable
 */
export function offerOf({ network, role, apns, fcm, huawei, webpush }: Providers): Offer {
  const allowed = new AllowedHosts(webpush?.allowedHosts ?? []);
  const othersDeliver = role === 'api' && !apns && !fcm && !huawei;
  const configured: Readonly<Record<PushService, boolean>> = {
    apns: othersDeliver || apns !== null,
    'apns-sandbox': othersDeliver || apns !== null,
    firebase: othersDeliver || fcm !== null,
    huawei: othersDeliver || huawei !== null,
    webpush: webpush !== null,
  };
  return {
    services: new Set(network ? PUSH_SERVICES.filter((service) => configured[service]) : []),
    vapidPublicKey: network && webpush ? readVapidKey(webpush.keyFile).publicKey : null,
    sendsTo: (service, token) => {
      const endpoint = service === 'webpush' ? readEndpoint(token) : null;
      return service !== 'webpush' || (endpoint !== null && mayBeReached(endpoint, allowed));
    },
  };
}
