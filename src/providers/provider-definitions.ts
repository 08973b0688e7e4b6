import { apnsProvider } from './apns/apns.definition.js';
import { fcmProvider } from './fcm/fcm.definition.js';
import { huaweiProvider } from './huawei/huawei.definition.js';
import { webPushProvider } from './webpush/webpush.definition.js';
import { type PushProvider } from './provider-definition.js';
import { type Provider, PROVIDERS, type PushTransport } from './push-transport.js';
import { type AppConfig } from '../config/app-config.js';

const REGISTERED = {
  apns: apnsProvider,
  fcm: fcmProvider,
  huawei: huaweiProvider,
  webpush: webPushProvider,
} satisfies Record<Provider, PushProvider>;

type Options<Name extends Provider> = Parameters<(typeof REGISTERED)[Name]['open']>[1];

/** Time-outs and pauses that differ from the transports' own; tests shorten them. */
export abstract class TransportOptions implements Partial<Record<Provider, object>> {
  readonly apns?: Options<'apns'>;
  readonly fcm?: Options<'fcm'>;
  readonly huawei?: Options<'huawei'>;
  readonly webpush?: Options<'webpush'>;
}

/** What is known of each provider. */
export const PUSH_PROVIDERS: Readonly<Record<Provider, PushProvider>> = REGISTERED;

/**
 * Opens a transport for each provider that is configured. Credentials are read and checked now, so that a bad one
 * stops the start; connections are made when there is something to send.
 *
 * @throws CredentialError naming the variable whose credential is not usable
 */
export async function openTransports(config: AppConfig, options: TransportOptions = {}): Promise<PushTransport[]> {
  const opened = await Promise.all(PROVIDERS.map((name) => PUSH_PROVIDERS[name].open(config, options[name])));
  return opened.filter((transport) => transport !== null);
}
