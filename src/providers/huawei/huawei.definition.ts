import { type AppConfig } from '../../config/app-config.js';
import { HuaweiTransport, type HuaweiTransportOptions } from './huawei.transport.js';
import { Outgoing } from '../../outgoing/outgoing.js';
import { type PushProvider } from '../provider-definition.js';

export const huaweiProvider = {
  firstPauseMs: { 'device-throttled': 60_000, 'wrong-address': 60_000 },
  certainlyDead: [],
  impossibleToken: 'no-such-device',
  credentialFiles: ({ huawei }) =>
    huawei ? [huawei.appSecret.kind === 'file' ? huawei.appSecret.file : null, huawei.caFile] : [],
  open: async ({ huawei, proxy }: AppConfig, options?: Partial<HuaweiTransportOptions>) =>
    huawei && HuaweiTransport.open(huawei, { outgoing: new Outgoing(proxy), ...options }),
} satisfies PushProvider;
