import { type AppConfig } from '../../config/app-config.js';
import { Outgoing } from '../../outgoing/outgoing.js';
import { type PushProvider } from '../provider-definition.js';
import { WebPushTransport, type WebPushTransportOptions } from './webpush.transport.js';

export const webPushProvider = {
  firstPauseMs: { 'device-throttled': 60_000 },
  certainlyDead: ['Http410', 'Http404'],
  impossibleToken: null,
  credentialFiles: ({ webpush }) => (webpush ? [webpush.keyFile, webpush.caFile] : []),
  open: async ({ webpush, proxy }: AppConfig, options?: Partial<WebPushTransportOptions>) =>
    webpush && WebPushTransport.open(webpush, { outgoing: new Outgoing(proxy), ...options }),
} satisfies PushProvider;
