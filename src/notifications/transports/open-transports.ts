import { type AppConfig } from '../../config/app-config.js';
import { ApnsTransport, type ApnsTransportOptions } from './apns.transport.js';
import { FcmTransport, type FcmTransportOptions } from './fcm.transport.js';
import { HuaweiTransport, type HuaweiTransportOptions } from './huawei.transport.js';
import { type PushTransport } from './push-transport.js';

/** Time-outs and pauses that differ from the transports' own; tests shorten them. */
export interface TransportOptions {
  apns?: Partial<ApnsTransportOptions>;
  fcm?: Partial<FcmTransportOptions>;
  huawei?: Partial<HuaweiTransportOptions>;
}

/**
 * Opens a transport for each provider that is configured. Credentials are read and checked now, so that a bad one
 * stops the start; connections are made when there is something to send.
 *
 * @throws CredentialError naming the variable whose credential is not usable
 */
export async function openTransports(
  { apns, fcm, huawei }: AppConfig,
  options: TransportOptions = {},
): Promise<PushTransport[]> {
  return Promise.all([
    ...(apns ? [ApnsTransport.open(apns, options.apns)] : []),
    ...(fcm ? [FcmTransport.open(fcm, options.fcm)] : []),
    ...(huawei ? [HuaweiTransport.open(huawei, options.huawei)] : []),
  ]);
}
