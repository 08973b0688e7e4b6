import { apnsProvider } from './apns.provider.js';
import { fcmProvider } from './fcm.provider.js';
import { huaweiProvider } from './huawei.provider.js';
import { type PushProvider } from './push-provider.js';
import { type Provider } from './push-transport.js';

const REGISTERED = {
  apns: apnsProvider,
  fcm: fcmProvider,
  huawei: huaweiProvider,
} satisfies Record<Provider, PushProvider>;

/** Time-outs and pauses that differ from the transports' own; tests shorten them. */
export type TransportOptions = { [Name in Provider]?: Parameters<(typeof REGISTERED)[Name]['open']>[1] };

/** What is known of each provider. */
export const PUSH_PROVIDERS: Readonly<Record<Provider, PushProvider>> = REGISTERED;
