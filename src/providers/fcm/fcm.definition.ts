import { type AppConfig } from '../../config/app-config.js';
import { FcmTransport, type FcmTransportOptions } from './fcm.transport.js';
import { Outgoing } from '../../outgoing/outgoing.js';
import { type PushProvider } from '../provider-definition.js';

export const fcmProvider = {
  // Google asks for at least 10 s after a 5xx.
  firstPauseMs: { 'provider-down': 10_000, 'device-throttled': 60_000, 'wrong-address': 60_000 },
  certainlyDead: ['UNREGISTERED'],
  impossibleToken: 'no-such-device',
  credentialFiles: ({ fcm }) => (fcm ? [fcm.serviceAccountFile, fcm.caFile] : []),
  open: async ({ fcm, proxy }: AppConfig, options?: Partial<FcmTransportOptions>) =>
    fcm && FcmTransport.open(fcm, { outgoing: new Outgoing(proxy), ...options }),
} satisfies PushProvider;
