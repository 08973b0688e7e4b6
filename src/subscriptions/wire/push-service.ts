/** The services that a phone can name in `/subscribe`: how it is to be woken. */
export const PUSH_SERVICES = ['apns', 'apns-sandbox', 'firebase', 'huawei', 'webpush'] as const;
export type PushService = (typeof PUSH_SERVICES)[number];

export const isPushService = (name: unknown): name is PushService => PUSH_SERVICES.some((service) => service === name);
