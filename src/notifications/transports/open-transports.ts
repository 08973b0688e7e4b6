import { type AppConfig } from '../../config/app-config.js';
import { ApnsTransport } from './apns.transport.js';
import { FcmTransport } from './fcm.transport.js';
import { HuaweiTransport } from './huawei.transport.js';
import { type PushTransport } from './push-transport.js';

/**
 * Opens a transport for each provider that is configured. Credentials are read and checked now, so that a bad one
 * stops the start; connections are made when there is something to send.
 *
 * @throws CredentialError naming the variable whose credential is not usable
 */
export async function openTransports({ apns, fcm, huawei }: AppConfig): Promise<PushTransport[]> {
  return Promise.all([
    ...(apns ? [ApnsTransport.open(apns)] : []),
    ...(fcm ? [FcmTransport.open(fcm)] : []),
    ...(huawei ? [HuaweiTransport.open(huawei)] : []),
  ]);
}
