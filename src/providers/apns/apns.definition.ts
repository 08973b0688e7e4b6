import { ApnsTransport, type ApnsTransportOptions } from './apns.transport.js';
import { type AppConfig } from '../../config/app-config.js';
import { Outgoing } from '../../outgoing/outgoing.js';
import { type PushProvider } from '../provider-definition.js';

export const apnsProvider = {
  firstPauseMs: { 'device-throttled': 30_000, 'wrong-address': 60_000 },
  certainlyDead: ['Unregistered', 'ExpiredToken'],
  impossibleToken: '0'.repeat(64),
  credentialFiles: ({ apns }) =>
    apns ? [apns.auth.kind === 'certificate' ? apns.auth.certFile : null, apns.auth.keyFile, apns.caFile] : [],
  open: async ({ apns, proxy }: AppConfig, options?: Partial<ApnsTransportOptions>) =>
    apns && ApnsTransport.open(apns, { outgoing: new Outgoing(proxy), ...options }),
} satisfies PushProvider;
