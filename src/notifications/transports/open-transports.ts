import { type AppConfig } from '../../config/app-config.js';
import { PUSH_PROVIDERS, type TransportOptions } from './push-providers.js';
import { PROVIDERS, type PushTransport } from './push-transport.js';

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
