import { type AppConfig } from '../../config/app-config.js';
import { HuaweiTransport, type HuaweiTransportOptions } from './huawei.transport.js';
import { type PushProvider } from './push-provider.js';

export const huaweiProvider = {
  deviceType: 'huawei',
  firstPauseMs: { 'device-throttled': 60_000, 'wrong-address': 60_000 },
  certainlyDead: [],
  impossibleToken: 'no-such-device',
  credentialFiles: ({ huawei }) =>
    huawei ? [huawei.appSecret.kind === 'file' ? huawei.appSecret.file : null, huawei.caFile] : [],
  open: async ({ huawei }: AppConfig, options?: Partial<HuaweiTransportOptions>) =>
    huawei && HuaweiTransport.open(huawei, options),
} satisfies PushProvider;
